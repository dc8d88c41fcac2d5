//! One call of a service: a method and a path, and what goes in and comes out.

use crate::schemas::{Answers, Requests};
use ick_api::{problem, scope::Scope};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

/// Refusals that every call with a token can meet.
const WITH_TOKEN: &[u16] = &[400, 401, 403, 503];
/// Refusals of calls that take a body, besides.
const WITH_BODY: &[u16] = &[408, 413];

/// A call, as its table builds it.
pub(crate) struct Call<'s> {
    answers: &'s mut Answers,
    requests: &'s mut Requests,
    operation: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl<'s> Call<'s> {
    pub(crate) fn new(
        (answers, requests): (&'s mut Answers, &'s mut Requests),
        method: &'static str,
        path: &'static str,
        summary: &str,
    ) -> Self {
        let mut operation = Map::new();
        operation.insert("summary".to_owned(), summary.into());
        operation.insert("operationId".to_owned(), operation_id(method, path).into());
        // Without a token, unless a scope is named.
        operation.insert("security".to_owned(), json!([]));
        Self {
            answers,
            requests,
            operation,
            parameters: Vec::new(),
            responses: Map::new(),
        }
    }

    /// It needs a token with this scope.
    pub(crate) fn scope<S: Scope>(mut self) -> Self {
        let security = json!([{"token": [S::NAME]}]);
        self.operation.insert("security".to_owned(), security);
        self.refuses(WITH_TOKEN)
    }

    /// More about it.
    pub(crate) fn note(mut self, text: &str) -> Self {
        self.operation.insert("description".to_owned(), text.into());
        self
    }

    /// The name in the path.
    pub(crate) fn name<T: JsonSchema>(mut self, name: &str, about: &str) -> Self {
        let schema = self.requests.of::<T>();
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "description": about, "schema": schema,
        }));
        self
    }

    /// A field of the query.
    pub(crate) fn query(mut self, name: &str, about: &str, schema: &Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": about, "schema": schema,
        }));
        self
    }

    /// The same, of a type that has a name.
    pub(crate) fn query_of<T: JsonSchema>(self, name: &str, about: &str) -> Self {
        let schema = self.requests.of::<T>();
        self.query(name, about, &schema)
    }

    /// The field that was given last must be there.
    pub(crate) fn required(mut self) -> Self {
        if let Some(last) = self.parameters.last_mut() {
            last["required"] = true.into();
        }
        self
    }

    /// `?limit=` and `?after=`, and the link to the next page.
    pub(crate) fn pages(self) -> Self {
        self.query(
            "limit",
            "How many are shown; 100 when left out, never more than 1000.",
            &json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
        )
        .query(
            "after",
            "Where the page begins: what the Link of the page before says.",
            &json!({"type": "string"}),
        )
    }

    /// A header field.
    pub(crate) fn header(mut self, name: &str, about: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": false, "description": about,
            "schema": {"type": "string"},
        }));
        self
    }

    /// `If-Match`, with 412.
    pub(crate) fn if_match(self) -> Self {
        self.header(
            "If-Match",
            "Entity tags, of which the present one must be one (RFC 9110).",
        )
        .refuses(&[412])
    }

    /// `If-None-Match`, with 412.
    pub(crate) fn if_none_match(self) -> Self {
        self.header(
            "If-None-Match",
            "`*` where it must not exist yet (RFC 9110).",
        )
        .refuses(&[412])
    }

    /// A JSON body.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        let schema = self.requests.of::<T>();
        self.takes_json(&schema, true)
    }

    /// A JSON body that may be left out.
    pub(crate) fn may_take<T: JsonSchema>(self) -> Self {
        let schema = self.requests.of::<T>();
        self.takes_json(&schema, false)
    }

    /// A JSON body with this schema.
    pub(crate) fn takes_json(self, schema: &Value, required: bool) -> Self {
        self.takes_kind("application/json", schema, required)
            .refuses(&[422])
    }

    /// A body of this media type.
    pub(crate) fn takes_kind(mut self, kind: &str, schema: &Value, required: bool) -> Self {
        let body = json!({"required": required, "content": {kind: {"schema": schema}}});
        self.operation.insert("requestBody".to_owned(), body);
        self.refuses(WITH_BODY)
    }

    /// A JSON answer.
    pub(crate) fn gives<T: JsonSchema>(self, status: u16, about: &str) -> Self {
        let schema = self.answers.of::<T>();
        self.gives_kind(status, about, "application/json", &schema)
    }

    /// A JSON answer, or `{}`.
    pub(crate) fn gives_or_nothing<T: JsonSchema>(self, status: u16, about: &str) -> Self {
        let schema = self.answers.of::<T>();
        let either = json!({"anyOf": [schema, {"type": "object", "maxProperties": 0}]});
        self.gives_kind(status, about, "application/json", &either)
    }

    /// `{}`.
    pub(crate) fn gives_nothing(self, status: u16, about: &str) -> Self {
        let empty = json!({"type": "object"});
        self.gives_kind(status, about, "application/json", &empty)
    }

    /// An answer of this media type; several for one status are told apart by it.
    pub(crate) fn gives_kind(
        mut self,
        status: u16,
        about: &str,
        kind: &str,
        schema: &Value,
    ) -> Self {
        let answer = self.answer(status, about);
        answer["content"][kind] = json!({"schema": schema});
        self
    }

    /// An answer of this media type, by its Rust type.
    pub(crate) fn gives_kind_of<T: JsonSchema>(self, status: u16, about: &str, kind: &str) -> Self {
        let schema = self.answers.of::<T>();
        self.gives_kind(status, about, kind, &schema)
    }

    /// An answer without a body.
    pub(crate) fn gives_no_body(mut self, status: u16, about: &str) -> Self {
        self.answer(status, about);
        self
    }

    /// A header field of an answer.
    pub(crate) fn says(mut self, status: u16, name: &str, about: &str) -> Self {
        let answer = self.answer(status, "");
        answer["headers"][name] = json!({"description": about, "schema": {"type": "string"}});
        self
    }

    fn answer(&mut self, status: u16, about: &str) -> &mut Value {
        self.responses
            .entry(status.to_string())
            .or_insert_with(|| json!({"description": about}))
    }

    /// Refusals by status, each a problem (RFC 9457).
    pub(crate) fn refuses(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            let (name, _) = refusal(*status);
            let there = json!({"$ref": format!("#/components/responses/{name}")});
            self.responses.entry(status.to_string()).or_insert(there);
        }
        self
    }

    /// The operation object of OpenAPI.
    pub(crate) fn into_operation(mut self) -> Value {
        if !self.parameters.is_empty() {
            self.operation
                .insert("parameters".to_owned(), self.parameters.into());
        }
        self.operation
            .insert("responses".to_owned(), self.responses.into());
        self.operation.into()
    }
}

/// `get /projects/{name}/+builds` becomes `get_projects_name_builds`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let mut id = method.to_owned();
    for word in words.filter(|word| !word.is_empty()) {
        id.push('_');
        id.push_str(word);
    }
    id
}

/// The refusals that there are: a name, and what each is for.
const REFUSALS: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "It cannot be understood."),
    (401, "Unauthorized", "There is no token, or a bad one."),
    (
        403,
        "Forbidden",
        "The token lacks a scope, which WWW-Authenticate names.",
    ),
    (404, "NotFound", "There is no such thing."),
    (408, "RequestTimeout", "The body came too slowly."),
    (
        409,
        "Conflict",
        "It does not go together with how things are.",
    ),
    (
        412,
        "PreconditionFailed",
        "A precondition of the request does not hold.",
    ),
    (413, "PayloadTooLarge", "The body is too long."),
    (
        415,
        "UnsupportedMediaType",
        "The body is of a kind that is not understood.",
    ),
    (
        416,
        "RangeNotSatisfiable",
        "Nothing that there is lies in the range.",
    ),
    (422, "UnprocessableContent", "It is understood, but wrong."),
    (503, "ServiceUnavailable", "Not now; Retry-After says when."),
    (507, "InsufficientStorage", "There is no room."),
];

fn refusal(status: u16) -> (&'static str, &'static str) {
    REFUSALS
        .iter()
        .find(|(one, ..)| *one == status)
        .map_or(("Refused", "It is refused."), |(_, name, about)| {
            (*name, *about)
        })
}

/// What the references of [`Call::refuses`] refer to.
pub(crate) fn refusals(problem: &Value) -> Value {
    let header = |about: &str| json!({"description": about, "schema": {"type": "string"}});
    let all = REFUSALS.iter().map(|(status, name, about)| {
        let mut response = json!({
            "description": about,
            "content": {problem::MEDIA_TYPE: {"schema": problem}},
        });
        match status {
            401 | 403 => {
                response["headers"]["WWW-Authenticate"] = header("What is missing (RFC 6750).");
            }
            503 => response["headers"]["Retry-After"] = header("Seconds to wait."),
            _ => {}
        }
        ((*name).to_owned(), response)
    });
    Value::Object(all.collect())
}
