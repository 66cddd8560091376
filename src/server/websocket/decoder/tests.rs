use proptest::prelude::*;

use super::*;

/// Messages as an owner keeps them.
type Messages = Vec<Incoming<'static>>;

fn owned(incoming: Incoming<'_>) -> Incoming<'static> {
    match incoming {
        Incoming::Text(text) => Incoming::Text(Cow::Owned(text.into_owned())),
        Incoming::Binary(bytes) => Incoming::Binary(Cow::Owned(bytes.into_owned())),
        Incoming::Ping(bytes) => Incoming::Ping(Cow::Owned(bytes.into_owned())),
        Incoming::Pong(bytes) => Incoming::Pong(Cow::Owned(bytes.into_owned())),
        Incoming::Close(code) => Incoming::Close(code),
    }
}

/// Decodes `bytes` as they arrive in pieces of these sizes, in turn.
fn decode(bytes: &[u8], pieces: &[usize], max_message: usize) -> (Messages, Option<Violation>) {
    let (mut decoder, mut messages) = (Decoder::new(max_message), Vec::new());
    let (mut rest, mut sizes) = (bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((*sizes.next().unwrap()).clamp(1, rest.len()));
        rest = later;
        let (mut piece, mut used) = (piece.to_vec(), 0);
        let len = piece.len();
        while used < len {
            match decoder.decode(&mut piece[used..]) {
                Err(violation) => return (messages, Some(violation)),
                Ok((taken, incoming)) => {
                    assert!(taken > 0 && (incoming.is_some() || used + taken == len));
                    used += taken;
                    messages.extend(incoming.map(owned));
                }
            }
        }
    }
    (messages, None)
}

fn whole(bytes: &[u8]) -> (Messages, Option<Violation>) {
    decode(bytes, &[bytes.len()], 1 << 20)
}

/// A client's frame.
fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn text(text: &str) -> Incoming<'static> {
    Incoming::Text(Cow::Owned(text.to_owned()))
}

#[test]
fn the_example_of_the_rfc_is_decoded() {
    let hello = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
    assert_eq!(whole(&hello), (vec![text("Hello")], None));
}

#[test]
fn control_frames_may_come_between_the_frames_of_a_message() {
    let bytes = [frame(false, 1, b"Hel"), frame(true, 9, b"?"), frame(true, 0, b"lo"), frame(true, 10, b"")];
    let ping = Incoming::Ping(Cow::Owned(b"?".to_vec()));
    let pong = Incoming::Pong(Cow::Owned(Vec::new()));
    for pieces in [1, 2, 3, 5, 7, 100] {
        let (messages, violation) = decode(&bytes.concat(), &[pieces], 5);
        assert_eq!((messages, violation), (vec![ping.clone(), text("Hello"), pong.clone()], None));
    }
}

#[test]
fn what_the_rfc_forbids_is_a_violation() {
    let unmasked = vec![0x81, 0x01, b'x'];
    let close = |payload: &[u8]| frame(true, 8, payload);
    for (what, bytes) in [
        ("a reserved bit", vec![0xC1, 0x80, 0, 0, 0, 0]),
        ("a reserved opcode", frame(true, 3, b"")),
        ("a reserved control opcode", frame(true, 11, b"")),
        ("no mask", unmasked),
        ("a fragmented ping", frame(false, 9, b"")),
        ("a long ping", frame(true, 9, &[0; 126])),
        ("a continuation of nothing", frame(true, 0, b"x")),
        ("a message within a message", [frame(false, 1, b"x"), frame(true, 1, b"y")].concat()),
        ("half a close code", close(&[3])),
        ("a close code that nobody may send", close(&1005_u16.to_be_bytes())),
        ("a close code that nobody has", close(&999_u16.to_be_bytes())),
    ] {
        let (messages, violation) = whole(&bytes);
        assert!(matches!(violation, Some(Violation::Protocol(_))), "{what}: {violation:?}");
        assert!(messages.is_empty(), "{what}");
    }
}

#[test]
fn a_text_is_refused_at_its_first_wrong_byte() {
    let smile = "\u{1F600}".as_bytes();
    let split = [frame(false, 1, &smile[..2]), frame(true, 0, &smile[2..])].concat();
    assert_eq!(whole(&split), (vec![text("\u{1F600}")], None), "a character may span frames");
    assert_eq!(whole(&frame(true, 1, &smile[..2])).1, Some(Violation::InvalidText));
    assert_eq!(whole(&frame(false, 1, b"\xFF")).1, Some(Violation::InvalidText), "before the message ends");
    let begun = &frame(true, 1, b"x\xFFyz")[..8];
    assert_eq!(whole(begun).1, Some(Violation::InvalidText), "before the frame ends");
    assert_eq!(whole(&frame(true, 8, b"\x03\xE8\xFF")).1, Some(Violation::InvalidText), "also as a reason");
    let (binary, violation) = whole(&frame(true, 2, b"\xFF"));
    assert_eq!((binary, violation), (vec![Incoming::Binary(Cow::Owned(vec![0xFF]))], None));
}

#[test]
fn a_message_is_too_big_before_it_is_kept() {
    let limit = 10;
    let fits = |bytes: &[u8]| decode(bytes, &[bytes.len()], limit).1;
    assert_eq!(fits(&frame(true, 1, &[b'x'; 10])), None);
    let header = &frame(true, 1, &[b'x'; 70_000])[..14];
    assert_eq!(fits(header), Some(Violation::TooBig), "its header says so");
    let pieces = [frame(false, 1, &[b'x'; 6]), frame(true, 0, &[b'x'; 5])].concat();
    assert_eq!(fits(&pieces), Some(Violation::TooBig), "all frames of a message count");
    let longest = [0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    assert_eq!(fits(&longest), Some(Violation::TooBig));
    assert_eq!(fits(&frame(true, 9, &[0; 125])), None, "a control frame has a limit of its own");
}

#[test]
fn between_messages_a_decoder_keeps_no_memory() {
    let mut decoder = Decoder::new(100);
    let mut bytes = [frame(false, 1, b"a"), frame(true, 0, b"b")].concat();
    let (mut used, mut messages) = (0, 0);
    while used < bytes.len() {
        let (taken, incoming) = decoder.decode(&mut bytes[used..]).unwrap();
        messages += usize::from(incoming.is_some());
        used += taken;
    }
    assert!(messages == 1 && decoder.begun.is_none());
    assert!(size_of::<Decoder>() <= 16);
}

prop_compose! {
    /// A message in some frames, with pings between them, and what a client means by it.
    fn sent()(
        is_text in any::<bool>(),
        content in ".{0,300}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        pings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..126), 0..5),
    ) -> (Vec<u8>, Messages) {
        let bytes = content.as_bytes();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]).collect();
        ends.sort_unstable();
        let (mut frames, mut meant, mut start) = (Vec::new(), Vec::new(), 0);
        for (number, &end) in ends.iter().enumerate() {
            let opcode = match (number, is_text) { (0, true) => 1, (0, false) => 2, _ => 0 };
            frames.extend(frame(number + 1 == ends.len(), opcode, &bytes[start..end]));
            start = end;
            if number + 1 < ends.len() && let Some(ping) = pings.get(number) {
                frames.extend(frame(true, 9, ping));
                meant.push(Incoming::Ping(Cow::Owned(ping.clone())));
            }
        }
        meant.push(if is_text { text(&content) } else { Incoming::Binary(Cow::Owned(bytes.to_vec())) });
        (frames, meant)
    }
}

proptest! {
    #[test]
    fn messages_arrive_as_sent_however_they_are_cut(
        sent in prop::collection::vec(sent(), 0..5),
        pieces in prop::collection::vec(1_usize..400, 1..9),
    ) {
        let (bytes, meant): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        prop_assert_eq!(decode(&bytes.concat(), &pieces, 4096), (meant.concat(), None));
    }

    #[test]
    fn any_bytes_are_decoded_alike_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        pieces in prop::collection::vec(1_usize..40, 1..9),
    ) {
        // A frame that violates two rules may be refused for the one or the other.
        let kind = |violation: Option<Violation>| violation.map(|violation| std::mem::discriminant(&violation));
        let (messages, violation) = whole(&bytes);
        let (cut_messages, cut_violation) = decode(&bytes, &pieces, 1 << 20);
        prop_assert_eq!((messages, kind(violation)), (cut_messages, kind(cut_violation)));
    }
}
