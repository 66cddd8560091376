//! What operators see of a room whose store other nodes change, too.

use asset_arbiter::{model::PlayerName, store::Store};

use super::world::{World, arena, elsewhere, key, name, sword, without_resync};

/// The assets that the player holds in the arena, each with the grant's revision.
async fn found(world: &World, player: &PlayerName) -> Vec<(String, u64)> {
    let page = world.arbiter.overview().player(player, None, 10).await.expect("the store answers");
    assert_eq!((page.searched, page.next), (1, None));
    let held = page.rooms.into_iter().flat_map(|room| room.held);
    held.map(|(asset, grant)| (asset.to_string(), grant.revision)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_player_is_found_where_the_view_of_an_empty_room_is_old() {
    let world = World::shared(without_resync());
    world.create(2).await;
    let ann = name("ann");
    assert_eq!(found(&world, &ann).await, []);
    let players = [name("bob"), ann.clone()];
    world.truth.select(elsewhere(1), &key(), &players, None).await.unwrap();
    assert_eq!(found(&world, &ann).await, [(sword().to_string(), 2)]);
    let room = world.arbiter.room(&arena()).await.unwrap();
    assert_eq!(room.assets[0].held, 2, "the store has both");
}
