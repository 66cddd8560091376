use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    operation::{Content, OpenTo, Operation, Parameter, REFUSALS, Refusal, SchemaOf},
    schemas::Schemas,
};
use crate::{
    model::{AssetName, PlayerName, RoomName},
    server::error,
};

const DESCRIPTION: &str = "Decides, for browser games and bots, who gets the asset: exactly once, under faults. \
    A body is read as JSON whatever its content type, and whole numbers may be written `3.0`. `HEAD` answers as `GET`, \
    without the body. Keys and tokens are needed where the server is started with them.";

/// What a segment of a path may be.
const SEGMENTS: [Parameter; 3] = [
    Parameter::new::<RoomName>("room", "The room."),
    Parameter::new::<AssetName>("asset", "The asset."),
    Parameter::new::<PlayerName>("player", "The player."),
];

/// The OpenAPI document of these operations.
pub(super) fn document(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::new(&SchemaSettings::draft2020_12());
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.verb.word()] = described(operation, &mut schemas);
    }
    let refusals: Map<_, _> = REFUSALS.iter().map(|refusal| refused(refusal, &mut schemas)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "asset-arbiter",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.into_components(),
            "responses": refusals,
            "securitySchemes": {
                "adminKey": bearer("The admin key, which allows everything."),
                "viewerKey": bearer("The viewer key, which allows to read."),
                "playerToken": bearer("A player token: a JWT."),
            },
        },
    })
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut answers: Map<_, _> = operation.all_refusals().map(refusal).collect();
    for answer in operation.answers {
        let mut response = json!({"description": answer.description});
        match answer.content {
            Content::Nothing => {}
            Content::Text(kind) => response["content"] = json!({kind: {"schema": {"type": "string"}}}),
            Content::Json(of) => response["content"] = json_content(schemas.sent(of)),
        }
        answers.insert(answer.status.to_string(), response);
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters(operation, schemas),
        "responses": answers,
        "security": security(operation.open_to),
    });
    if let Some(of) = operation.body {
        described["requestBody"] = json!({"required": true, "content": json_content(schemas.taken(of))});
    }
    described
}

fn parameters(operation: &Operation, schemas: &mut Schemas) -> Vec<Value> {
    let is_segment = |parameter: &&Parameter| operation.path.contains(&format!("{{{}}}", parameter.name));
    let segments = SEGMENTS.iter().filter(is_segment).map(|parameter| (parameter, "path"));
    let query = operation.query.iter().map(|parameter| (parameter, "query"));
    let headers = operation.headers.iter().map(|parameter| (parameter, "header"));
    segments
        .chain(query)
        .chain(headers)
        .map(|(parameter, place)| {
            json!({
                "name": parameter.name,
                "in": place,
                "required": place == "path",
                "description": parameter.description,
                "schema": schemas.taken(parameter.schema),
            })
        })
        .collect()
}

/// The last alternative is none, because a server may be started without keys and tokens.
fn security(open_to: OpenTo) -> Value {
    match open_to {
        OpenTo::Everybody => json!([]),
        OpenTo::Readers => json!([{"playerToken": []}, {"viewerKey": []}, {"adminKey": []}, {}]),
        OpenTo::Operators => json!([{"viewerKey": []}, {"adminKey": []}, {}]),
        OpenTo::Players => json!([{"playerToken": []}, {"adminKey": []}, {}]),
        OpenTo::Admins => json!([{"adminKey": []}, {}]),
    }
}

fn bearer(description: &str) -> Value {
    json!({"type": "http", "scheme": "bearer", "description": description})
}

fn refusal(status: u16) -> (String, Value) {
    (status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}))
}

fn refused(Refusal { status, description, header }: &Refusal, schemas: &mut Schemas) -> (String, Value) {
    const ERROR: SchemaOf = SchemaGenerator::subschema_for::<error::Body>;
    let mut response = json!({"description": description, "content": json_content(schemas.sent(ERROR))});
    if let Some((name, description)) = header {
        response["headers"] = json!({*name: {"description": description, "schema": {"type": "string"}}});
    }
    (status.to_string(), response)
}

fn json_content(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}
