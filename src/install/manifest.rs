//! Hands for manifests and answers: fields by pointer, the labels that all of ours carry, lists that may be null.
use super::resources::LABELS;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// The labels of everything of ours.
pub(super) fn labels() -> Value {
    LABELS.iter().map(|&(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>().into()
}

/// What stands at `pointer` in a manifest of ours.
pub(super) fn field_mut<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    value.pointer_mut(pointer).with_context(|| format!("a manifest has no {pointer}"))
}

/// The list that stands there.
pub(super) fn list_mut<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>> {
    field_mut(value, pointer)?.as_array_mut().with_context(|| format!("a manifest has no list {pointer}"))
}

/// Puts a field into a mapping.
pub(super) fn insert_field(value: &mut Value, key: &str, field: Value) -> Result<()> {
    value
        .as_object_mut()
        .with_context(|| format!("a manifest has no place for {key}"))?
        .insert(key.to_owned(), field);
    Ok(())
}
