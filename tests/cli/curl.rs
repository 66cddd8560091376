//! The game of the README that is played with curl.

use std::{net::SocketAddr, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::support::{Process, soon};

const README: &str = include_str!("../../README.md");

/// The commands of the blocks that follow the title, those of each terminal apart.
fn terminals() -> [Vec<&'static str>; 2] {
    let (_, section) = README.split_once("**The whole game with `curl`.**").expect("the README has the game");
    let mut blocks =
        section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().lines().collect());
    [blocks.next().unwrap(), blocks.next().unwrap()]
}

/// Runs a command as a shell does, against this server.
fn shell(command: &str, address: SocketAddr) -> Child {
    let command = command.replace("localhost:8080", &address.to_string());
    Command::new("sh")
        .args(["-c", &format!("exec {command} --silent --show-error")])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn answer(command: &str, address: SocketAddr) -> Value {
    let output = soon(command, shell(command, address).wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{command}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_game_of_the_readme_is_played_with_curl_alone() {
    let server = Process::start(&[]).await;
    let [listens, plays] = terminals();
    let [create, listen] = listens[..] else { panic!("two commands: {listens:?}") };
    assert_eq!(answer(create, server.address).await["units"], 1);
    let mut listener = shell(listen, server.address);
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines();
    let mut hears = async |kind: &str| loop {
        let line = soon(kind, lines.next_line()).await.unwrap().expect("the stream goes on");
        if let Some(data) = line.strip_prefix("data: ") {
            let frame: Value = serde_json::from_str(data).unwrap();
            assert_eq!(frame["type"], kind, "{frame}");
            return frame;
        }
    };
    let welcome = hears("welcome").await;
    assert_eq!((&welcome["player"], &welcome["present"][0]), (&Value::from("ann"), &Value::from("ann")));
    let [select, release] = plays[..] else { panic!("two commands: {plays:?}") };
    assert_eq!(answer(select, server.address).await["granted"], true);
    assert_eq!(hears("asset_granted").await["player"], "ann");
    assert_eq!(answer(release, server.address).await["released"], true);
    assert_eq!(hears("asset_released").await["player"], "ann");
    assert_eq!(server.metric("asset_arbiter_event_streams").await, 1);
    drop(listener);
}
