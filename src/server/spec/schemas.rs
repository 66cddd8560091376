use schemars::{
    JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::transform_subschemas,
};
use serde_json::{Map, Value};

use super::operation::SchemaOf;

/// Where both kinds of document keep schemas.
const COMPONENTS: &str = "/components/schemas";

/// The schemas of one document: of what the server sends, and of what it takes.
pub(super) struct Schemas {
    sent: SchemaGenerator,
    taken: SchemaGenerator,
}

impl Schemas {
    /// Schemas in the dialect of `settings`.
    pub(super) fn new(settings: &SchemaSettings) -> Self {
        let of = |settings: SchemaSettings, tidy: fn(&mut Schema)| {
            let mut settings = settings.with(|settings| settings.definitions_path = COMPONENTS.into());
            settings.transforms.insert(0, Box::new(tidy));
            settings.into_generator()
        };
        Self {
            sent: of(settings.clone().for_serialize(), tidy_sent),
            taken: of(settings.clone().for_deserialize(), tidy),
        }
    }

    /// The schema of something that the server sends.
    pub(super) fn sent(&mut self, of: SchemaOf) -> Value {
        tidied(&mut self.sent, of)
    }

    /// The schema of something that the server takes.
    pub(super) fn taken(&mut self, of: SchemaOf) -> Value {
        tidied(&mut self.taken, of)
    }

    /// The alternatives of an enum whose messages the server sends.
    pub(super) fn variants_sent<T: JsonSchema>(&mut self) -> Vec<Value> {
        variants(self.sent(T::json_schema))
    }

    /// The alternatives of an enum whose messages the server takes.
    pub(super) fn variants_taken<T: JsonSchema>(&mut self) -> Vec<Value> {
        variants(self.taken(T::json_schema))
    }

    /// Every schema that the others refer to.
    pub(super) fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.taken.take_definitions(true);
        all.append(&mut self.sent.take_definitions(true));
        all
    }
}

fn tidied(generator: &mut SchemaGenerator, of: SchemaOf) -> Value {
    let mut schema = of(generator);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

fn variants(mut schema: Value) -> Vec<Value> {
    match schema.get_mut("oneOf").map(Value::take) {
        Some(Value::Array(variants)) => variants,
        _ => vec![schema],
    }
}

/// What the server leaves out if there is none is never `null`.
fn tidy_sent(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required =
        |name: &str| required.as_array().is_some_and(|names| names.iter().any(|known| known == name));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
            forbid_null(property);
        }
    }
    transform_subschemas(&mut tidy_sent, schema);
    tidy_one(schema);
}

fn tidy(schema: &mut Schema) {
    transform_subschemas(&mut tidy, schema);
    tidy_one(schema);
}

fn forbid_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = choices.as_mut_slice() {
            let mut only = std::mem::take(only);
            object.remove("anyOf");
            object.append(&mut only);
        }
    }
}

/// Brings one schema to the form that tools read best.
fn tidy_one(schema: &mut Schema) {
    join_names(schema);
    if let Some(Value::String(text)) = schema.get_mut("description") {
        // A line break of a comment says nothing; a paragraph does.
        *text = text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    if schema.get("format").is_some_and(|format| format == "uint") {
        schema.insert("format".to_owned(), "uint64".into());
    }
}

/// Names that each have a description become one list of names, and one description.
fn join_names(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let names: Option<Vec<_>> = variants.iter().map(|variant| variant.get("const")?.as_str()).collect();
    let Some(names) = names else { return };
    let said = variants.iter().map(|variant| variant["description"].as_str().unwrap_or_default());
    let lines: Vec<_> = names.iter().zip(said).map(|(name, said)| format!("- `{name}`: {said}")).collect();
    let before = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{before}\n\n{}", lines.join("\n\n"));
    let names: Value = names.into_iter().collect();
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), names);
    schema.insert("description".to_owned(), description.into());
}
