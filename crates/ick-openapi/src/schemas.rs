//! The schemas of bodies, collected while calls are described.

use schemars::JsonSchema;
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

const COMPONENTS: &str = "#/components/schemas/";

/// What is added to the name of a type of a request: there, fields with a default may be left out.
const GIVEN: &str = "Given";

fn generator(contract: Contract) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.contract = contract;
    settings.into_generator()
}

/// The types of answers: fields that are always there are required.
pub(crate) struct Answers(SchemaGenerator);

/// The types of requests.
pub(crate) struct Requests(SchemaGenerator);

impl Answers {
    pub(crate) fn new() -> Self {
        Self(generator(Contract::Serialize))
    }

    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// Those that there are, by name, with those of requests and some others.
    pub(crate) fn all(mut self, mut requests: Requests, others: Map<String, Value>) -> Value {
        let mut all = self.0.take_definitions(true);
        for (name, mut schema) in requests.0.take_definitions(true) {
            each_text(&mut schema, "$ref", &|text| text.push_str(GIVEN));
            all.insert(name + GIVEN, schema);
        }
        all.extend(others);
        let mut all = Value::Object(all);
        // Documentation comments link to other items; a reader of JSON cannot follow.
        each_text(&mut all, "description", &|text| {
            *text = text.replace("[`", "`").replace("`]", "`");
        });
        all
    }
}

impl Requests {
    pub(crate) fn new() -> Self {
        Self(generator(Contract::Deserialize))
    }

    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        let mut schema = self.0.subschema_for::<T>().to_value();
        each_text(&mut schema, "$ref", &|text| text.push_str(GIVEN));
        schema
    }
}

/// Changes each text that stands under this key.
fn each_text(value: &mut Value, wanted: &str, change: &impl Fn(&mut String)) {
    match value {
        Value::Array(items) => {
            for item in items {
                each_text(item, wanted, change);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == wanted => change(text),
                    other => each_text(other, wanted, change),
                }
            }
        }
        _ => {}
    }
}

/// The schemas of definition files, with references that hold here.
pub(crate) fn definitions() -> Map<String, Value> {
    let mut schema = ick_core::definition::schema();
    let Value::Object(found) = schema["$defs"].take() else {
        return Map::new();
    };
    let renamed = found.into_iter().map(|(name, mut schema)| {
        each_text(&mut schema, "$ref", &|text| {
            *text = text.replace("#/$defs/", &format!("{COMPONENTS}Definition."));
        });
        if name == "project" || name == "pipeline" {
            // What the controller itself says may be there, and is not looked at.
            for ignored in ["owner", "revision", "updated_by", "next_build_id"] {
                schema["properties"][ignored] = json!(true);
            }
        }
        (format!("Definition.{name}"), schema)
    });
    renamed.collect()
}

/// A reference to the schema of a `project` or `pipeline` as a file has it.
pub(crate) fn definition(name: &str) -> Value {
    json!({"$ref": format!("{COMPONENTS}Definition.{name}")})
}
