//! Players who get no unit although one is left.

use std::slice::from_ref;

use asset_arbiter::{
    model::{AssetOptions, EndReason},
    store::Verdict,
};

use super::{
    ground::{Ground, granted, players},
    leases::{NOW, made, options, select},
};

super::properties![a_player_whose_grant_ended_waits, an_asset_is_reserved_for_a_while];

async fn a_player_whose_grant_ended_waits(ground: Ground) {
    let options = AssetOptions { cooldown_ms: Some(1000), ..options(None, 100) };
    let ((sword, node), [ann, bob]) = (made(&ground, 1, options).await, players(["ann", "bob"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let both = [ann.clone(), bob.clone()];
    let verdicts = select(&ground, &node, NOW + 300, &sword, &both).await;
    assert_eq!(verdicts[0], Verdict::Cooldown { retry_after: 800 }, "counted from the deadline");
    assert!(matches!(verdicts[1], Verdict::Granted { revision: 3, .. }));
    assert_eq!(
        select(&ground, &node, NOW + 350, &sword, from_ref(&ann)).await,
        [Verdict::Cooldown { retry_after: 750 }]
    );
    ground.store.release(node.at(NOW + 360), &ground.key(&sword), &bob, EndReason::Released).await.unwrap();
    assert_eq!(
        select(&ground, &node, NOW + 400, &sword, from_ref(&bob)).await,
        [Verdict::Cooldown { retry_after: 960 }]
    );
    assert!(matches!(
        select(&ground, &node, NOW + 1100, &sword, &both).await[..],
        [Verdict::Granted { .. }, Verdict::Cooldown { retry_after: 260 }]
    ));
}

async fn an_asset_is_reserved_for_a_while(ground: Ground) {
    let reserved_for = players(["ann"]).to_vec();
    let options = AssetOptions { reserved_for, for_ms: Some(1000), ..AssetOptions::NONE };
    let ((sword, node), [ann, bob]) = (made(&ground, 2, options).await, players(["ann", "bob"]));
    let both = [bob.clone(), ann];
    let verdicts = select(&ground, &node, NOW + 400, &sword, &both).await;
    assert_eq!(verdicts, [Verdict::Reserved { retry_after: 600 }, granted(1)]);
    assert_eq!(select(&ground, &node, NOW + 1000, &sword, from_ref(&bob)).await, [granted(2)]);
}
