//! Fields of manifests by JSON pointer, and the labels of all our objects.
use super::resources::LABELS;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// Returns the labels of all our objects.
pub(super) fn labels() -> Value {
    LABELS.iter().map(|&(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>().into()
}

/// Returns the field at `pointer` of one of our manifests.
pub(super) fn field_mut<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    value.pointer_mut(pointer).with_context(|| format!("a manifest has no {pointer}"))
}

/// Returns the list at `pointer` of one of our manifests.
pub(super) fn list_mut<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>> {
    field_mut(value, pointer)?.as_array_mut().with_context(|| format!("a manifest has no list {pointer}"))
}

/// Inserts a field into a mapping.
pub(super) fn insert_field(value: &mut Value, key: &str, field: Value) -> Result<()> {
    value
        .as_object_mut()
        .with_context(|| format!("a manifest has no place for {key}"))?
        .insert(key.to_owned(), field);
    Ok(())
}
