use super::*;

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn event(revision: u64, remaining: Units, change: Change) -> Event {
    Event { asset: name("sword"), origin: 0, revision, remaining, change }
}

fn granted(revision: u64, player: &str) -> Event {
    let change = Change::granted(name(player), 9, revision);
    event(revision, 9 - revision as Units, change)
}

fn loaded() -> View {
    let mut view = View::new(
        vec![(name("sword"), Arc::new(NewAsset::plain(9))), (name("bow"), Arc::new(NewAsset::plain(2)))],
        0,
    );
    view.load(Vec::new());
    view
}

#[test]
fn events_apply_in_revision_order_each_once() {
    let (mut view, mut applied) = (loaded(), Vec::new());
    assert_eq!(view.apply(granted(1, "a"), &mut applied), Place::Next);
    assert_eq!(view.apply(granted(3, "c"), &mut applied), Place::Later);
    assert_eq!(view.apply(granted(1, "a"), &mut applied), Place::Old);
    assert!(view.has_gap(&name("sword")));
    assert_eq!(view.apply(granted(2, "b"), &mut applied), Place::Next);
    assert_eq!(applied.iter().map(|event| event.revision).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(!view.has_gap(&name("sword")));
    let state = view.get(&name("sword")).unwrap();
    assert_eq!((state.held, state.remaining, state.holders.len()), (3, 6, 3));
}

#[test]
fn an_event_of_another_record_waits_and_holds_up_no_other() {
    let (mut view, mut applied) = (loaded(), Vec::new());
    view.apply(granted(1, "a"), &mut applied);
    for revision in 1..=3 {
        let strange = Event { origin: 7, ..granted(revision, "x") };
        assert_eq!(view.apply(strange, &mut applied), Place::Later);
    }
    assert_eq!(view.apply(granted(2, "b"), &mut applied), Place::Next);
    assert_eq!(applied.len(), 2);
    assert!(view.has_gap(&name("sword")), "which one is stored is not known yet");
    view.forget_waiting(&name("sword"));
    assert!(!view.has_gap(&name("sword")));
    assert_eq!(view.get(&name("sword")).unwrap().held, 2);
}

#[test]
fn what_comes_before_the_snapshot_waits_for_it() {
    let mut view = View::new(Vec::new(), 0);
    let mut applied = Vec::new();
    assert_eq!(view.apply(granted(2, "b"), &mut applied), Place::Later);
    let stored = AssetState { units: 9, remaining: 8, revision: 1, held: 1, ..untouched(&name("sword"), 9) };
    applied.extend(view.load(vec![stored]));
    assert_eq!(applied.len(), 1);
    assert_eq!(view.revision(&name("sword")), Some(2));
}

#[test]
fn a_template_is_shown_until_it_is_stored_and_not_after_its_removal() {
    let (mut view, mut applied) = (loaded(), Vec::new());
    let shown = |view: &mut View| view.share(0).states().unwrap();
    assert_eq!(shown(&mut view).iter().map(|s| s.asset.as_str()).collect::<Vec<_>>(), ["bow", "sword"]);
    view.apply(granted(1, "a"), &mut applied);
    assert_eq!(shown(&mut view)[1].held, 1);
    assert_eq!(view.count(), 1);
    view.apply(event(2, 0, Change::Removed), &mut applied);
    assert_eq!(shown(&mut view).len(), 1);
    assert_eq!(view.count(), 0);
}

#[test]
fn where_no_select_creates_an_asset_no_template_is_shown() {
    let shown = |view: &mut View| view.share(0).states().unwrap();
    let (mut view, mut applied) = (loaded(), Vec::new());
    assert_eq!(shown(&mut view).len(), 2);
    view.apply(granted(1, "a"), &mut applied);
    view.mark_regressed();
    assert_eq!(shown(&mut view).iter().map(|s| s.asset.as_str()).collect::<Vec<_>>(), ["sword"]);
    view.clear();
    assert!(shown(&mut view).is_empty());
    view.clear_regression();
    assert_eq!(shown(&mut view).len(), 2);
}

#[test]
fn a_released_early_holder_leaves_a_lack_that_a_page_fills() {
    let (mut view, mut applied) = (loaded(), Vec::new());
    for revision in 1..=40 {
        let change = Change::granted(name(&format!("p{revision}")), 99, 0);
        view.apply(event(revision, 0, change), &mut applied);
    }
    assert_eq!(view.get(&name("sword")).unwrap().holders.len(), HOLDERS_SHOWN);
    let change = Change::released(name("p1"));
    view.apply(event(41, 1, change), &mut applied);
    assert!(view.lacks_holders(&name("sword")));
    let page = (2..=33).map(|n| Grant::plain(name(&format!("p{n}")), 0, n)).collect();
    view.set_holders(&name("sword"), page);
    assert!(!view.lacks_holders(&name("sword")));
}
