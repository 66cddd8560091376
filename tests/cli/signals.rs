//! The matrix of signals: what each does to a server with a member.

use super::{member::Member, running::Running};

#[test]
fn what_asks_to_stop_closes_each_member_with_4100_and_ends_with_0() {
    for signal in ["HUP", "INT", "QUIT", "TERM"] {
        let server = Running::start(&["--listen", "127.0.0.1:0"], &[]);
        let mut member = Member::join(server.address, "r", "ann");
        server.tell(signal);
        assert_eq!(member.closed(), 4100, "{signal}");
        drop(member);
        let (code, _, log) = server.wait();
        assert_eq!(code, Some(0), "{signal}: {log}");
    }
}

#[test]
fn what_asks_for_nothing_does_nothing() {
    let server = Running::start(&["--listen", "127.0.0.1:0"], &[]);
    let mut member = Member::join(server.address, "r", "ann");
    for signal in ["USR1", "USR2", "PIPE", "ALRM"] {
        server.tell(signal);
        assert!(member.select("sword").contains("\"granted\":true"), "{signal}");
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "), "{signal}");
    }
    server.tell("TERM");
    assert_eq!(member.closed(), 4100);
    drop(member);
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_hangup_besides_another_signal_cuts_nothing() {
    for signals in [["TERM", "HUP"], ["HUP", "TERM"], ["HUP", "HUP"]] {
        let server = Running::start(&["--listen", "127.0.0.1:0"], &[]);
        let mut member = Member::join(server.address, "r", "ann");
        signals.iter().for_each(|signal| server.tell(signal));
        assert_eq!(member.closed(), 4100, "{signals:?}");
        drop(member);
        assert_eq!(server.wait().0, Some(0), "{signals:?}");
    }
}
