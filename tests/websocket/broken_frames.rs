//! Bytes that are no WebSocket frames: the connection is closed with the code the RFC names, and no other.

use crate::support::{Server, frame};

const VIOLATION: u16 = 1002;
const NOT_TEXT: u16 = 1007;
const TOO_BIG: u16 = 1009;

#[tokio::test]
async fn every_broken_frame_ends_its_connection_with_the_right_code() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let mut bystander = server.join("r", "bystander").await;
    let masked = |first: u8, length: &[u8]| [&[first][..], length, &[0; 4]].concat();
    let cases: [(&str, Vec<u8>, u16); 13] = [
        ("a text that is not UTF-8", frame(0x81, b"\xff\xfe"), NOT_TEXT),
        ("a text that ends within a character", frame(0x81, b"\xf0\x9f"), NOT_TEXT),
        (
            "UTF-8 broken in the second fragment",
            [frame(0x01, b"\xe2\x82"), frame(0x80, b"\x28")].concat(),
            NOT_TEXT,
        ),
        ("no mask", [&[0x81, 2][..], b"{}"].concat(), VIOLATION),
        ("a reserved bit", frame(0xc1, b"{}"), VIOLATION),
        ("a reserved opcode", frame(0x83, b"{}"), VIOLATION),
        ("a reserved control opcode", frame(0x8b, b""), VIOLATION),
        ("a ping of 126 bytes", frame(0x89, &[b'p'; 126]), VIOLATION),
        ("a ping in fragments", frame(0x09, b"p"), VIOLATION),
        ("a continuation of nothing", frame(0x80, b"{}"), VIOLATION),
        ("a text within a text", [frame(0x01, b"{"), frame(0x81, b"{}")].concat(), VIOLATION),
        ("a frame said to be of 5 GB", masked(0x81, &[0xff, 0, 0, 0, 1, 0x2a, 5, 0xf2, 0]), TOO_BIG),
        ("a frame said to be of 2^63 bytes", masked(0x81, &[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), TOO_BIG),
    ];
    for (what, bytes, code) in &cases {
        let mut ann = server.join("r", "ann").await;
        ann.raw(bytes).await;
        assert_eq!(ann.closed().await.code, *code, "{what}");
    }
    for code in [VIOLATION, NOT_TEXT, TOO_BIG] {
        let expected = cases.iter().filter(|(_, _, of)| *of == code).count() as u64;
        server.has_closed(&code.to_string(), expected).await;
    }
    assert!(bystander.gets("sword").await);
    assert_eq!(
        server.metric("asset_arbiter_connections").await,
        1,
        "nobody else was touched, nobody is left over"
    );
}

#[tokio::test]
async fn a_frame_that_never_ends_is_cut_like_any_silence() {
    let server = Server::with(|setup| {
        setup.settings.ping_interval = std::time::Duration::from_millis(50);
        setup.settings.ping_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    let mut ann = server.join("r", "ann").await;
    ann.raw(&frame(0x81, b"{\"type\":\"ping\"}")[..9]).await;
    server.has_closed("4200", 1).await;
}
