//! What a client of an earlier document would notice of a later one.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The breaking changes from `old` to `new`, each with its place. Both are OpenAPI documents.
pub(crate) fn openapi(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison::new(old, new);
    for (path, methods) in members(&old["paths"]) {
        for (method, operation) in members(methods) {
            let place = format!("{} {path}", method.to_uppercase());
            match new["paths"][path].get(method) {
                None => comparison.complain(&place, "is gone"),
                Some(later) => comparison.operation(&place, operation, later),
            }
        }
    }
    comparison.complaints
}

/// The same of AsyncAPI documents.
pub(crate) fn asyncapi(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison::new(old, new);
    for (name, channel) in members(&old["channels"]) {
        let later = &new["channels"][name];
        if channel["address"] != later["address"] {
            comparison.complain(&format!("channel {name}"), "is gone, or elsewhere");
        }
        let [query, later] = [channel, later].map(|channel| &channel["bindings"]["ws"]["query"]);
        comparison.schemas("the query", Taken, query, later);
    }
    for (name, operation) in members(&old["operations"]) {
        let place = format!("operation {name}");
        let Some(later) = new["operations"].get(name) else {
            comparison.complain(&place, "is gone");
            continue;
        };
        let direction = if operation["action"] == "receive" { Taken } else { Sent };
        comparison.messages(&place, direction, &operation["messages"], &later["messages"]);
        comparison.messages(&place, Sent, &operation["reply"]["messages"], &later["reply"]["messages"]);
    }
    let [reason, later] = [old, new].map(|document| &document["components"]["schemas"]["CloseReason"]);
    comparison.schemas("CloseReason", Sent, reason, later);
    comparison.complaints
}

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// The server takes it: whatever it took it must take.
    Taken,
    /// The server sends it: whatever clients rely on must be there.
    Sent,
}
use Direction::{Sent, Taken};

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    complaints: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn new(old: &'a Value, new: &'a Value) -> Self {
        Self { old, new, complaints: Vec::new() }
    }

    fn complain(&mut self, place: &str, what: &str) {
        self.complaints.push(format!("{place}: {what}"));
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        for parameter in parameters(old) {
            let same = |later: &&Value| later["name"] == parameter["name"] && later["in"] == parameter["in"];
            let place = format!("{place}, parameter {}", parameter["name"]);
            match parameters(new).find(same) {
                None => self.complain(&place, "is gone"),
                Some(later) => {
                    if later["required"] == true && parameter["required"] != true {
                        self.complain(&place, "is required");
                    }
                    self.schemas(&place, Taken, &parameter["schema"], &later["schema"]);
                }
            }
        }
        for later in parameters(new).filter(|later| later["required"] == true) {
            if !parameters(old).any(|known| known["name"] == later["name"]) {
                self.complain(&format!("{place}, parameter {}", later["name"]), "is new and required");
            }
        }
        self.body(place, &old["requestBody"], &new["requestBody"]);
        for (status, answer) in members(&old["responses"]) {
            let place = format!("{place}, {status}");
            match new["responses"].get(status) {
                None => self.complain(&place, "is gone"),
                Some(later) => {
                    let (answer, later) = (resolved(self.old, answer), resolved(self.new, later));
                    self.content(&place, Sent, &answer["content"], &later["content"]);
                }
            }
        }
    }

    fn body(&mut self, place: &str, old: &Value, new: &Value) {
        match (old.is_null(), new.is_null()) {
            (false, true) => self.complain(place, "takes no body any more"),
            (true, false) if new["required"] == true => self.complain(place, "needs a body"),
            _ => self.content(&format!("{place}, body"), Taken, &old["content"], &new["content"]),
        }
    }

    fn content(&mut self, place: &str, direction: Direction, old: &Value, new: &Value) {
        for (kind, content) in members(old) {
            match new.get(kind) {
                None => self.complain(place, &format!("{kind} is gone")),
                Some(later) => self.schemas(place, direction, &content["schema"], &later["schema"]),
            }
        }
    }

    fn messages(&mut self, place: &str, direction: Direction, old: &Value, new: &Value) {
        for message in old.as_array().into_iter().flatten() {
            let name = message["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            if !new.as_array().into_iter().flatten().any(|later| later == message) {
                self.complain(place, &format!("message {name} is gone"));
                continue;
            }
            let [payload, later] =
                [self.old, self.new].map(|of| &of["components"]["messages"][name]["payload"]);
            self.schemas(&format!("{place}, {name}"), direction, payload, later);
        }
    }

    fn schemas(&mut self, place: &str, direction: Direction, old: &Value, new: &Value) {
        let (old, new) = (&resolved(self.old, old), &resolved(self.new, new));
        if !choices(old).is_empty() || !choices(new).is_empty() {
            self.choices(place, direction, old, new);
            return;
        }
        self.kinds(place, direction, old, new);
        self.properties(place, direction, old, new);
        for part in ["items", "additionalProperties"] {
            if let (Some(part_of_old), Some(part_of_new)) = (old.get(part), new.get(part))
                && part_of_old.is_object()
            {
                self.schemas(&format!("{place}, {part}"), direction, part_of_old, part_of_new);
            }
        }
        if direction == Taken {
            self.limits(place, old, new);
        }
    }

    /// The types, and the values where only some are there.
    fn kinds(&mut self, place: &str, direction: Direction, old: &Value, new: &Value) {
        let (before, after) = (types(old), types(new));
        let fits = match direction {
            Taken => after.is_empty() || !before.is_empty() && before.is_subset(&after),
            Sent => before.is_empty() || !after.is_empty() && after.is_subset(&before),
        };
        if !fits {
            self.complain(place, &format!("the type {before:?} became {after:?}"));
        }
        let (before, after) = (values(old), values(new));
        for gone in
            before.iter().flatten().filter(|value| after.as_ref().is_some_and(|after| !after.contains(value)))
        {
            self.complain(place, &format!("the value {gone} is gone"));
        }
        match direction {
            Taken if before.is_none() && after.is_some() => self.complain(place, "takes only some values"),
            Sent if before.is_some() && after.is_none() => self.complain(place, "may be any value"),
            _ => {}
        }
    }

    /// Each alternative is still there. A schema without alternatives is the only one.
    fn choices(&mut self, place: &str, direction: Direction, old: &Value, new: &Value) {
        let [before, after] = [old, new].map(|of| Some(choices(of)).filter(|all| !all.is_empty()));
        let [before, after] = [before.unwrap_or(vec![old.clone()]), after.unwrap_or(vec![new.clone()])];
        let is_null = |choice: &Value| choice["type"] == "null";
        if direction == Sent && after.iter().any(is_null) && !before.iter().any(is_null) {
            self.complain(place, "may be null");
        }
        // Whoever is prepared for null can do without.
        for choice in before.iter().filter(|choice| direction == Taken || !is_null(choice)) {
            let fits = |later: &Value| {
                let mut tried = Comparison::new(self.old, self.new);
                tried.schemas(place, direction, choice, later);
                tried.complaints.is_empty()
            };
            if !after.iter().any(fits) {
                self.complain(place, &format!("an alternative is gone, or another: {choice}"));
            }
        }
    }

    fn properties(&mut self, place: &str, direction: Direction, old: &Value, new: &Value) {
        let (before, after) = (required(old), required(new));
        match direction {
            Taken => {
                for name in after.difference(&before) {
                    self.complain(place, &format!("{name} is required"));
                }
            }
            Sent => {
                for name in before.difference(&after) {
                    self.complain(place, &format!("{name} may be absent"));
                }
            }
        }
        for (name, property) in members(&old["properties"]) {
            let place = format!("{place}, {name}");
            match new["properties"].get(name) {
                None => self.complain(&place, "is gone"),
                Some(later) => self.schemas(&place, direction, property, later),
            }
        }
        if direction == Taken && new["additionalProperties"] == false && old["additionalProperties"] != false {
            self.complain(place, "takes no other members");
        }
    }

    fn limits(&mut self, place: &str, old: &Value, new: &Value) {
        let number = |of: &Value, name: &str| of[name].as_f64();
        for name in ["minimum", "minLength", "minItems", "maximum", "maxLength", "maxItems"] {
            let is_narrower = match (number(old, name), number(new, name)) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(before), Some(after)) if name.starts_with("min") => after > before,
                (Some(before), Some(after)) => after < before,
            };
            if is_narrower {
                self.complain(place, &format!("{name} is narrower"));
            }
        }
        // Nobody tells whether a pattern takes more than another one.
        if !new["pattern"].is_null() && old["pattern"] != new["pattern"] {
            self.complain(place, "has another pattern");
        }
    }
}

/// A schema or response, with what it refers to.
fn resolved(document: &Value, part: &Value) -> Value {
    let mut part = part.clone();
    while let Some(Value::String(reference)) = part.as_object_mut().and_then(|object| object.remove("$ref")) {
        let target = document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        let mut merged = target.as_object().unwrap().clone();
        merged.append(&mut part.as_object().unwrap().clone());
        part = Value::Object(merged);
    }
    // In draft 7 a reference with something beside it.
    let all = part.as_object_mut().and_then(|object| object.remove("allOf"));
    for whole in all.iter().filter_map(Value::as_array).flatten() {
        let mut merged: Map<_, _> = resolved(document, whole).as_object().unwrap().clone();
        merged.append(&mut part.as_object().unwrap().clone());
        part = Value::Object(merged);
    }
    part
}

fn parameters(of: &Value) -> impl Iterator<Item = &Value> {
    of["parameters"].as_array().into_iter().flatten()
}

fn members(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}

fn types(of: &Value) -> BTreeSet<String> {
    let types = match &of["type"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    };
    let whole = types.iter().any(|one| one == "number").then(|| "integer".to_owned());
    types.into_iter().chain(whole).collect()
}

/// The values that are possible; `None`: no list of values is given.
fn values(of: &Value) -> Option<Vec<Value>> {
    match (&of["const"], &of["enum"]) {
        (Value::Null, Value::Array(several)) => Some(several.clone()),
        (Value::Null, _) => None,
        (one, _) => Some(vec![one.clone()]),
    }
}

/// The alternatives of a schema.
fn choices(of: &Value) -> Vec<Value> {
    [&of["anyOf"], &of["oneOf"]].into_iter().filter_map(Value::as_array).flatten().cloned().collect()
}

fn required(of: &Value) -> BTreeSet<String> {
    let names = of["required"].as_array().into_iter().flatten();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}
