use axum::routing::MethodFilter;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path: the route, and what is said of it in `/openapi.json`.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Operation {
    pub(in crate::server) verb: Verb,
    /// As axum and OpenAPI write it: `/v1/rooms/{room}`.
    pub(in crate::server) path: &'static str,
    /// What clients that are made from the document call it.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) open_to: OpenTo,
    pub(super) query: &'static [Parameter],
    pub(super) headers: &'static [Parameter],
    pub(super) body: Option<SchemaOf>,
    pub(super) answers: &'static [Answer],
    /// The statuses of `REFUSALS` that only some operations have. The others follow from the rest.
    pub(super) refusals: &'static [u16],
}

/// The methods of the API. `GET` is `HEAD`, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

/// Who may use an operation, where keys or tokens are configured. Elsewhere everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenTo {
    Everybody,
    /// Who shows a player token for the room, the admin key or the viewer key.
    Readers,
    /// Who shows the admin key or the viewer key.
    Operators,
    /// Who shows a player token that allows it, or the admin key.
    Players,
    /// Who shows the admin key.
    Admins,
}

/// A parameter of a path, a query or a header. Only those of a path are required.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) schema: SchemaOf,
}

/// What an operation answers if nothing is wrong, or something that only it can answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) content: Content,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Nothing,
    Text(&'static str),
    Json(SchemaOf),
}

/// Why a request is refused.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) description: &'static str,
    /// A header that says more, with its description.
    pub(super) header: Option<(&'static str, &'static str)>,
}

pub(super) const REFUSALS: [Refusal; 11] = [
    Refusal::new(400, "Bad input, or a `Host` that is missing, repeated or invalid."),
    Refusal::new(401, "No key or token, or a wrong one.").with("WWW-Authenticate", "`Bearer`."),
    Refusal::new(403, "The token does not allow this; or a foreign `Origin` or `Host`."),
    Refusal::new(404, "There is no such room or asset."),
    Refusal::new(408, "The body did not arrive in time."),
    Refusal::new(409, "A conflict with what is there, or a limit that the room has reached."),
    Refusal::new(413, "The body is too large."),
    Refusal::new(415, "The body is compressed.").with("Accept-Encoding", "`identity`."),
    Refusal::new(426, "The request does not ask for a WebSocket.").with("Upgrade", "`websocket`."),
    Refusal::new(429, "More requests, or more connections of one address, than a limit allows.")
        .with("Retry-After", PAUSE),
    Refusal::new(503, "The store did not answer, or the node is full. Send the same request again.")
        .with("Retry-After", PAUSE),
];

const PAUSE: &str = "Seconds until a retry makes sense.";

/// Any request may be refused with these.
const OF_ALL: [u16; 4] = [400, 403, 429, 503];
/// Where a credential may be wrong.
const OF_CREDENTIALS: [u16; 1] = [401];
/// Where a body is read.
const OF_BODIES: [u16; 3] = [408, 413, 415];

impl Operation {
    pub(super) const fn new(verb: Verb, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let open_to = OpenTo::Everybody;
        Self {
            verb,
            path,
            id,
            summary,
            open_to,
            query: &[],
            headers: &[],
            body: None,
            answers: &[],
            refusals: &[],
        }
    }

    pub(super) const fn open_to(self, open_to: OpenTo) -> Self {
        Self { open_to, ..self }
    }

    pub(super) const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn headers(self, headers: &'static [Parameter]) -> Self {
        Self { headers, ..self }
    }

    pub(super) const fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    pub(super) const fn answers(self, answers: &'static [Answer]) -> Self {
        Self { answers, ..self }
    }

    pub(super) const fn refusals(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    /// Every status of `REFUSALS` that this operation can answer, in order.
    pub(super) fn all_refusals(&self) -> impl Iterator<Item = u16> {
        let credentials = if self.open_to == OpenTo::Everybody { &[][..] } else { &OF_CREDENTIALS };
        let body = if self.body.is_some() { &OF_BODIES[..] } else { &[] };
        let lists = [&OF_ALL[..], credentials, body, self.refusals];
        REFUSALS.iter().map(|refusal| refusal.status).filter(move |status| {
            let own = self.answers.iter().any(|answer| answer.status == *status);
            !own && lists.iter().any(|list| list.contains(status))
        })
    }
}

impl Refusal {
    const fn new(status: u16, description: &'static str) -> Self {
        Self { status, description, header: None }
    }

    const fn with(self, header: &'static str, description: &'static str) -> Self {
        Self { header: Some((header, description)), ..self }
    }
}

impl Verb {
    pub(in crate::server) fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Put => MethodFilter::PUT,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// As OpenAPI writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

impl Parameter {
    pub(super) const fn new<T: JsonSchema>(name: &'static str, description: &'static str) -> Self {
        Self { name, description, schema: SchemaGenerator::subschema_for::<T> }
    }
}

impl Answer {
    pub(super) const fn json<T: JsonSchema>(status: u16, description: &'static str) -> Self {
        Self { status, description, content: Content::Json(SchemaGenerator::subschema_for::<T>) }
    }

    pub(super) const fn text(status: u16, description: &'static str, content_type: &'static str) -> Self {
        Self { status, description, content: Content::Text(content_type) }
    }

    pub(super) const fn nothing(status: u16, description: &'static str) -> Self {
        Self { status, description, content: Content::Nothing }
    }
}
