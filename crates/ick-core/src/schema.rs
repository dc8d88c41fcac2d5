//! The JSON schemas of what is a text in JSON: how it looks is in no derive.

use crate::digest::Digest;
use crate::name::{self, BlobName, BuildId, ClientId, MAX_LEN, PipelineName, ProjectName};
use crate::secret::Secret;
use crate::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

macro_rules! texts {
    ($($type:ident => $schema:tt),+ $(,)?) => {
        $(
            impl JsonSchema for $type {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($type).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )+
    };
}

texts! {
    ProjectName => {
        "type": "string",
        // The last part is not all digits.
        "pattern": name::PATTERN.replace('^', "^(?!(.*/)?[0-9]+$)"),
        "maxLength": MAX_LEN,
    },
    PipelineName => {"type": "string", "pattern": name::PATTERN, "maxLength": MAX_LEN},
    BlobName => {"type": "string", "pattern": name::PATTERN, "maxLength": MAX_LEN},
    ClientId => {"type": "string", "pattern": name::PATTERN, "maxLength": MAX_LEN},
    BuildId => {
        "type": "string",
        "pattern": name::PATTERN
            .replace('^', "^(?!(.*/)?[0-9]+/[0-9]+$)")
            .replace("*)*$", "*)*/(0|[1-9][0-9]{0,18})$"),
    },
    Digest => {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    Timestamp => {"type": "string", "format": "date-time"},
    Secret => {"type": "string"},
}
