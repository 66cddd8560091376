//! The dashboard as a file.

use std::collections::BTreeSet;

use serde_json::Value;

/// A panel that shows something.
pub(crate) struct Panel {
    pub(crate) row: String,
    pub(crate) title: String,
    pub(crate) description: String,
    /// Expressions with their legends.
    pub(crate) targets: Vec<(String, String)>,
    json: Value,
}

fn dashboard() -> Value {
    serde_json::from_str(include_str!("../../deploy/grafana/asset-arbiter.json")).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// All panels, in order.
pub(crate) fn panels() -> Vec<Panel> {
    let (mut row, mut panels) = (String::new(), Vec::new());
    for json in dashboard()["panels"].as_array().unwrap() {
        if json["type"] == "row" {
            row = text(&json["title"]);
            continue;
        }
        let target = |target: &Value| (text(&target["expr"]), text(&target["legendFormat"]));
        panels.push(Panel {
            row: row.clone(),
            title: text(&json["title"]),
            description: text(&json["description"]),
            targets: json["targets"].as_array().unwrap().iter().map(target).collect(),
            json: json.clone(),
        });
    }
    panels
}

#[test]
fn every_panel_asks_the_chosen_data_source_about_the_chosen_nodes() {
    let chosen = "job=~\"$job\",instance=~\"$instance\"";
    for Panel { title, description, targets, json, .. } in panels() {
        assert_eq!(json["datasource"]["uid"], "${datasource}", "{title}");
        assert!(!description.is_empty() && !targets.is_empty(), "{title}");
        for (expression, _) in targets {
            let selectors = super::expressions::selectors(&expression);
            assert!(
                !selectors.is_empty() && selectors.iter().all(|it| it.contains(chosen)),
                "{title}: {expression}"
            );
        }
    }
}

#[test]
fn panels_have_names_and_places_of_their_own() {
    let json = dashboard();
    assert!(json["schemaVersion"].as_u64().unwrap() >= 38, "Grafana 10");
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in json["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for (x, y) in
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert((x, y)), "two panels at {x}, {y}: {panel}");
        }
    }
    let titles: Vec<_> = panels().into_iter().map(|panel| (panel.row, panel.title)).collect();
    assert_eq!(titles.iter().collect::<BTreeSet<_>>().len(), titles.len());
}
