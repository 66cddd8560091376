use crate::{
    child::{child, file_of_child, this_binary},
    killed_holds::{Told, arena, hear, race, rounds, settles, stay_confirmed},
    temp_db::{TempDb, open_file},
};

/// Again and again a server is killed while players hold and confirm.
#[tokio::test]
async fn holds_that_kill_9_left_behind_end_with_the_next_call_and_confirmed_grants_stay() {
    let db_file = TempDb::new();
    let mut told = Told::default();
    for _ in 0..rounds() {
        let racing = child(&this_binary(), "kill_holds::races_until_killed", &db_file.file());
        let now = hear(racing, fastrand::usize(20..300), |child| child.kill().unwrap());
        let ground = arena(db_file.open());
        settles(&ground, &now).await;
        told.extend(now);
        stay_confirmed(&ground, &told).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs until its parent kills it"]
async fn races_until_killed() {
    if let Some(file) = file_of_child() {
        race(open_file(&file).unwrap()).await;
    }
}
