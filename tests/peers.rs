//! The measurement beside other servers (`benches/peers`): its check of every answer refuses each wrong server, and its
//! table and picture show what was measured.

#![cfg(target_os = "linux")]

#[allow(dead_code, unreachable_pub, reason = "it is a library for its command line")]
#[path = "../benches/peers/src/lib.rs"]
mod peers;

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use peers::args::Args;
use peers::dialect::{Dialect, Event};
use peers::floor::{self, Flaw};
use peers::game::{self, Outcome, Server, Timing};
use peers::servers::{self, Kind, Places};
use peers::usage::{Cpu, Percentiles};
use peers::workload::{self, Workload};
use peers::{report, svg, versions, ws};
use serde_json::{Value, json};

const RACE: Workload = Workload::Rounds { players: 7, takers: 7 };
const FAN_OUT: Workload = Workload::Rounds { players: 7, takers: 1 };
const FLOOD: Workload = Workload::Flood { in_flight: 4 };
const PACED: Workload = Workload::Paced { per_second: 2000 };

#[test]
fn a_right_server_plays_every_workload() {
    for workload in [RACE, FAN_OUT, FLOOD, PACED, Workload::Joins { players: 20 }] {
        let outcome =
            play(workload, &floor(Flaw::None)).unwrap_or_else(|error| panic!("{workload:?}: {error}"));
        assert!(outcome.units > 10 && outcome.server.ran > Duration::ZERO, "{workload:?}: {outcome:?}");
        assert!(outcome.reply.is_some_and(|reply| reply.p50 > 0.0 && reply.p50 <= reply.p99), "{outcome:?}");
        let hears = !matches!(workload, Workload::Joins { .. });
        assert_eq!(outcome.known.is_some(), hears, "{workload:?}: {outcome:?}");
    }
}

#[test]
fn a_wrong_server_is_refused_in_every_workload() {
    let everywhere = Flaw::ALL.into_iter().map(|(_, flaw)| flaw).filter(|flaw| *flaw != Flaw::None);
    let everywhere = everywhere.flat_map(|flaw| [RACE, FLOOD, PACED].map(|workload| (flaw, workload)));
    // Where one player asks, there is no second to be wrong about.
    let told = [Flaw::GrantNobody, Flaw::ForgetBroadcast, Flaw::TellTwice, Flaw::AnnounceAnother];
    let told = told.into_iter().map(|flaw| (flaw, FAN_OUT));
    thread::scope(|threads| {
        for (flaw, workload) in everywhere.chain(told) {
            threads.spawn(move || {
                let error = play(workload, &floor(flaw)).expect_err("a wrong server passes");
                let seen = complaints(flaw).iter().any(|part| error.contains(part));
                assert!(seen, "{flaw:?} in {workload:?}: {error}");
            });
        }
    });
}

/// Parts of what is said of a flaw, by the consequence that is seen first.
fn complaints(flaw: Flaw) -> &'static [&'static str] {
    match flaw {
        Flaw::None => &[],
        Flaw::GrantTwice => &["was granted to p", "was announced", "others p", "was told twice"],
        Flaw::GrantTwiceInSilence => &["was granted to p", "was announced"],
        Flaw::GrantNobody => &["was granted to nobody"],
        Flaw::ForgetBroadcast => &[
            "0 of 7 replies, 1 of 7 members",
            "0 of 1 replies, 1 of 7 members",
            "0 of 10 replies, 1 of 20 members",
        ],
        Flaw::LoseReply => &["1 of 7 replies, 0 of 7 members", "1 of 10 replies, 0 of 20 members"],
        Flaw::TellTwice => &["was told twice", "settled before"],
        Flaw::AnnounceAnother => &["was announced"],
    }
}

#[test]
fn this_server_plays_by_the_same_rules() {
    let places = Places {
        binary: env!("CARGO_BIN_EXE_asset-arbiter").into(),
        folder: concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers").into(),
        modules: "".into(),
        centrifugo: "".into(),
        cores: format!("0-{}", thread::available_parallelism().map_or(0, |count| count.get() - 1)),
        threads: 1,
        flags: Vec::new(),
    };
    for workload in [RACE, FLOOD, Workload::Joins { players: 20 }] {
        let running = Kind::named("ours").expect("it is there").start(&places).expect("it starts");
        let outcome = play(workload, &running.server).unwrap_or_else(|error| panic!("{workload:?}: {error}"));
        assert!(outcome.units > 10, "{workload:?}: {outcome:?}");
    }
}

fn floor(flaw: Flaw) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || floor::serve(listener, flaw));
    Server { address, dialect: Dialect::Plain, pid: std::process::id(), redis: None }
}

fn play(workload: Workload, server: &Server) -> Result<Outcome, String> {
    // Longer than any pause of a busy machine.
    let patience = Duration::from_secs(3);
    let timing = Timing { warm_up: Duration::from_millis(5), measure: Duration::from_millis(60), patience };
    game::run(workload, server, timing)
}

#[test]
fn every_dialect_says_the_same() {
    let said = |dialect: Dialect, text: &[u8]| {
        let mut events = Vec::new();
        dialect.read(text, |event| events.push(event)).map(|()| events)
    };
    let reply = Event::Reply { asset: 12, granted: true };
    let denied = Event::Reply { asset: 12, granted: false };
    let told = Event::Granted { asset: 12, winner: 7 };
    let plain = [
        (r#"{"type":"welcome","room":"r0"}"#, Event::Joined),
        (r#"{"type":"selection","request_id":"12","asset":"a12","granted":true,"remaining":0}"#, reply),
        (r#"{"type":"selection","request_id":"12","asset":"a12","granted":false,"reason":"sold_out"}"#, denied),
        (r#"{"type":"asset_granted","offset":3,"asset":"a12","player":"p7","units":1}"#, told),
        (r#"{"type":"players","offset":3,"players":9}"#, Event::Other),
    ];
    for (text, event) in plain {
        assert_eq!(said(Dialect::Plain, text.as_bytes()), Ok(vec![event]), "{text}");
    }
    let socket_io = [
        (r#"0{"sid":"x"}"#, Event::Other),
        ("2", Event::Answer(b"3")),
        (r#"42["welcome",{"room":"r0"}]"#, Event::Joined),
        (r#"42["selection",{"asset":"a12","granted":true}]"#, reply),
        (r#"42["asset_granted",{"asset":"a12","player":"p7"}]"#, told),
    ];
    for (text, event) in socket_io {
        assert_eq!(said(Dialect::SocketIo, text.as_bytes()), Ok(vec![event]), "{text}");
    }
    let colyseus: [(&[u8], Event); 4] = [
        (b"\x0a\x09token", Event::Answer(b"\x0a")),
        (b"\x0d\xa7welcome\x80", Event::Joined),
        (b"\x0d\xa9selection\x82\xa5asset\xa3a12\xa7granted\xc2", denied),
        (b"\x0d\xadasset_granted\x82\xa5asset\xa3a12\xa6player\xa2p7", told),
    ];
    for (bytes, event) in colyseus {
        assert_eq!(said(Dialect::Colyseus, bytes), Ok(vec![event]), "{bytes:?}");
    }
    let push = r#"{"push":{"channel":"r0","pub":{"data":{"asset":"a12","player":"p7"}}}}"#;
    let lines = format!("{{\"id\":2,\"subscribe\":{{}}}}\n{push}\n{{\"id\":22,\"publish\":{{}}}}\n{{}}");
    let events = vec![Event::Joined, told, reply, Event::Answer(b"{}")];
    assert_eq!(said(Dialect::Centrifugo, lines.as_bytes()), Ok(events));
    for (dialect, text) in [
        (Dialect::Plain, r#"{"type":"error","code":"bad_message"}"#),
        (Dialect::Plain, "?"),
        (Dialect::SocketIo, "44{}"),
        (Dialect::Colyseus, "\x0b"),
        (Dialect::Centrifugo, r#"{"id":22,"error":{"code":103}}"#),
    ] {
        assert!(said(dialect, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn frames_are_read_as_they_are_written() {
    for length in [0, 1, 125, 126, 300, 65_535] {
        for mask in [None, Some([1, 2, 3, 4])] {
            let payload: Vec<_> = (0..length).map(|index| index as u8).collect();
            let mut bytes = Vec::new();
            ws::put(&mut bytes, ws::TEXT, &payload, mask);
            assert_eq!(ws::parse(&bytes[..bytes.len() - 1]), Ok(None), "{length}");
            bytes.push(0x81);
            let frame = ws::parse(&bytes).expect("it is a frame").expect("it is complete");
            assert_eq!((frame.opcode, frame.mask, frame.end), (ws::TEXT, mask, bytes.len() - 1));
            let read = &mut bytes[frame.start..frame.end];
            if let Some(mask) = frame.mask {
                ws::apply_mask(read, mask);
            }
            assert_eq!(read, payload, "{length}");
        }
    }
    assert!(ws::parse(&[0x01, 0]).is_err(), "a fragment");
    assert!(ws::parse(&[0xc1, 0]).is_err(), "compressed");
}

/// Three runs of everything. Ours takes 2 us or KB, and every other server `ratio` times that, but one run is an outlier.
fn measured(ratio: f64) -> Value {
    let mut runs = Vec::new();
    for number in 1..=3 {
        for (name, workload) in workload::ALL {
            for kind in servers::ALL.into_iter().filter(|kind| kind.plays(workload)) {
                let times = if kind.name == "ours" { 1.0 } else { ratio };
                let per = 2.0 * times * if number == 2 { 50.0 } else { 1.0 };
                let outcome = Outcome {
                    units: 1000,
                    seconds: 1.0,
                    server: Cpu { ran: Duration::from_secs_f64(per / 1000.0), ..Cpu::default() },
                    bytes: (per * 1e6) as u64,
                    reply: Some(Percentiles { p50: 5.0, p99: 9.0 }),
                    ..Outcome::default()
                };
                runs.push(report::run(number, kind, name, workload, &Ok(outcome)));
            }
        }
    }
    let args = Args::parse(std::iter::empty()).expect("nothing is fine");
    json!({
        "measurements": [{ "date": "2026-11-28", "machine": "2 cores", "flags": args.to_json() }],
        "medians": report::medians(&runs),
        "runs": runs,
    })
}

#[test]
fn a_median_leaves_out_the_outlier() {
    let all = measured(1.5);
    let medians = all["medians"].as_array().expect("there are some");
    let row = |server: &str, workload: &str| {
        let found = medians.iter().find(|row| row["server"] == server && row["workload"] == workload);
        found.unwrap_or_else(|| panic!("{server} has no {workload}"))
    };
    for (name, workload) in workload::ALL {
        let field = if workload.measure() == "KB" { "kb_per_unit" } else { "us_per_unit" };
        assert_eq!(row("ours", name)[field], 2.0, "{name}");
        assert_eq!(row("ours", name)["ratio_to_ours"], 1.0, "{name}");
        assert_eq!(row("bun", name)["ratio_to_ours"], 1.5, "{name}");
    }
    let table = report::table(medians);
    assert!(table.contains("| Bun ") && table.contains("1.50") && table.contains("5 / 9"), "{table}");
}

#[test]
fn a_wrong_run_spoils_its_row() {
    let (name, workload) = workload::ALL[0];
    let good = Outcome { units: 1, seconds: 1.0, ..Outcome::default() };
    let bun = Kind::named("bun").expect("it is there");
    let runs = [Ok(good.clone()), Err("a1 was granted twice".to_owned()), Ok(good)];
    let runs: Vec<_> = runs.iter().map(|outcome| report::run(1, bun, name, workload, outcome)).collect();
    let medians = report::medians(&runs);
    assert_eq!(medians.len(), 1);
    assert!(report::table(&medians).contains("WRONG: a1 was granted twice"), "{medians:?}");
}

#[test]
fn only_a_complete_measurement_may_be_documented() {
    let all = measured(1.5);
    assert!(report::is_complete(&all));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut all = all.clone();
        change(&mut all);
        report::is_complete(&all)
    };
    assert!(!changed(&|all| drop(all["runs"].as_array_mut().expect("runs").pop())));
    assert!(!changed(&|all| all["runs"][0]["error"] = json!("wrong")));
    assert!(!changed(&|all| all["measurements"][0]["flags"]["threads"] = json!(2)));
    assert!(!changed(&|all| all["measurements"][0]["flags"]["seconds"] = json!(0.1)));

    let complete = |words: &[&str]| {
        Args::parse(words.iter().map(|word| (*word).to_owned())).expect("they are flags").is_complete()
    };
    assert!(complete(&[]) && complete(&["--runs", "5", "--binary", "x"]));
    for part in
        [["--only", "ours"], ["--workloads", "race100"], ["--runs", "2"], ["--cores", "0,1"], ["--args", "-x"]]
    {
        assert!(!complete(&part), "{part:?}");
    }
    for bad in [&["--only", "nobody"][..], &["--runs", "0"], &["--workloads"], &["--what", "1"]] {
        assert!(Args::parse(bad.iter().map(|word| (*word).to_owned())).is_err(), "{bad:?}");
    }
}

#[test]
fn dates_are_right() {
    for (days, date) in [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_785, "2026-11-28")]
    {
        assert_eq!(versions::date(days), date);
    }
}

#[test]
fn no_text_of_the_picture_covers_another() {
    for ratio in [0.05, 1.0, 2.9, 3.1, 99.9] {
        let picture = svg::draw(&measured(ratio));
        let texts: Vec<_> = picture.lines().filter_map(text).collect();
        assert!(texts.len() > 2 * workload::ALL.len() * 7, "{}", texts.len());
        for (index, text) in texts.iter().enumerate() {
            assert!(text.left >= 0.0 && text.right <= 880.0, "beyond the edge: {}", text.what);
            for other in &texts[..index] {
                let apart = text.right <= other.left
                    || other.right <= text.left
                    || text.bottom <= other.top
                    || other.bottom <= text.top;
                assert!(apart, "ratio {ratio}: '{}' covers '{}'", text.what, other.what);
            }
            for (x, top, bottom) in picture.lines().filter_map(dashed_line) {
                let apart = text.right <= x || x <= text.left || text.bottom <= top || bottom <= text.top;
                assert!(apart, "ratio {ratio}: a line crosses '{}'", text.what);
            }
        }
        assert_eq!(picture.lines().filter_map(dashed_line).count(), workload::ALL.len());
    }
}

#[test]
fn the_picture_is_read_aloud_and_has_a_dark_scheme() {
    let picture = svg::draw(&measured(1.5));
    for needed in [
        r#"role="img""#,
        "<title id=\"title\">",
        "prefers-color-scheme:dark",
        "Race of 100: asset-arbiter 1.00",
    ] {
        assert!(picture.contains(needed), "{needed}");
    }
}

struct Text {
    what: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Where a line of the picture has its text, if letters are 0.56 of their height wide, which most fonts' are not.
fn text(line: &str) -> Option<Text> {
    let start = line.find("<text")?;
    let (tag, rest) = line[start..].split_once('>')?;
    let what = rest.split('<').next()?.to_owned();
    let attribute = |name: &str| tag.split_once(&format!(" {name}=\""))?.1.split('"').next();
    let size = match attribute("class") {
        Some("head") => 15.0,
        Some("panel") => 13.0,
        _ => 11.0,
    };
    let (x, y): (f64, f64) = (attribute("x")?.parse().ok()?, attribute("y")?.parse().ok()?);
    let width = 0.56 * size * what.chars().count() as f64;
    let left = if attribute("class") == Some("end") { x - width } else { x };
    Some(Text { what, left, right: left + width, top: y - 0.8 * size, bottom: y + 0.2 * size })
}

/// Where a line of the picture has a panel's dashed line: its x, and its ends.
fn dashed_line(line: &str) -> Option<(f64, f64, f64)> {
    let path = line.strip_prefix(r#"<path class="one" d="M"#)?;
    let (x, rest) = path.split_once(' ')?;
    let (top, bottom) = rest.split_once('V')?;
    Some((x.parse().ok()?, top.parse().ok()?, bottom.split('"').next()?.parse().ok()?))
}
