//! Entry of a kubeconfig. Parsed only if the context leads to it. Null and empty are unset, and unknown keys are
//! ignored.

use std::collections::HashMap;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use anyhow::{Result, bail};
use kube::config::{AuthInfo, AuthProviderConfig, Cluster, ExecConfig, ExecInteractiveMode, NamedExtension};
use serde_json::{Map, Value};

const REMEDY: &str = "correct it in the kubeconfig, or log in again with oc login";

/// Entry of a kubeconfig under one name, unparsed.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Key in its file, and word for messages: `context`, `cluster` or `user`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Value in the file.
    pub(super) body: Value,
    /// File's folder, the base of relative paths.
    pub(super) folder: PathBuf,
}

/// Names that a context leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) cluster: String,
    pub(super) user: String,
}

/// Keys of an entry, or of an object in it.
struct Fields<'a> {
    /// Name of the entry or the object, for messages.
    owner: String,
    map: Option<&'a Map<String, Value>>,
    folder: &'a Path,
}

impl Entry {
    /// Makes an entry from an item of a file's list; `None` if its name is a list or an object. A missing name is
    /// empty.
    pub(super) fn from_item(kind: &'static str, item: &Value, folder: &Path) -> Option<Entry> {
        let name = match item.get("name") {
            Some(Value::Null) | None => String::new(),
            Some(name) => scalar(name)?,
        };
        let body = item.get(kind).cloned().unwrap_or_default();
        Some(Entry { kind, name, body, folder: folder.to_owned() })
    }

    /// Parses a context. Errors if a key has the wrong type, without its value.
    pub(super) fn context(&self) -> Result<Names> {
        let fields = self.fields()?;
        let named = |key| fields.text(key).map(Option::unwrap_or_default);
        Ok(Names { cluster: named("cluster")?, user: named("user")? })
    }

    /// Parses a cluster. Errors if a key has the wrong type, without its value.
    pub(super) fn cluster(&self) -> Result<Cluster> {
        let fields = self.fields()?;
        Ok(Cluster {
            server: fields.text("server")?,
            insecure_skip_tls_verify: fields.flag("insecure-skip-tls-verify")?,
            certificate_authority: fields.path("certificate-authority")?,
            certificate_authority_data: fields.data("certificate-authority-data")?,
            proxy_url: fields.text("proxy-url")?,
            disable_compression: fields.flag("disable-compression")?,
            tls_server_name: fields.text("tls-server-name")?,
            extensions: Some(fields.extensions()).filter(|extensions| !extensions.is_empty()),
            ..Cluster::default()
        })
    }

    /// Parses a user. Errors if a key has the wrong type, without its value.
    pub(super) fn user(&self) -> Result<AuthInfo> {
        let fields = self.fields()?;
        Ok(AuthInfo {
            username: fields.text("username")?,
            password: fields.text("password")?.map(Into::into),
            token: fields.text("token")?.map(Into::into),
            token_file: fields.path("tokenFile")?,
            client_certificate: fields.path("client-certificate")?,
            client_certificate_data: fields.data("client-certificate-data")?,
            client_key: fields.path("client-key")?,
            client_key_data: fields.data("client-key-data")?.map(Into::into),
            impersonate: fields.text("as")?,
            impersonate_uid: fields.text("as-uid")?,
            impersonate_groups: Some(fields.texts("as-groups")?).filter(|groups| !groups.is_empty()),
            impersonate_user_extra: fields.extra("as-user-extra")?,
            auth_provider: fields.object("auth-provider")?.map(|it| it.provider()).transpose()?,
            exec: fields.object("exec")?.map(|it| it.exec()).transpose()?,
            ..AuthInfo::default()
        })
    }

    fn fields(&self) -> Result<Fields<'_>> {
        let owner = format!("{} \"{}\"", self.kind, self.name);
        match &self.body {
            unset if is_unset(unset) => Ok(Fields { owner, map: None, folder: &self.folder }),
            Value::Object(map) => Ok(Fields { owner, map: Some(map), folder: &self.folder }),
            _ => bail!("{owner} is no list of keys and values: {REMEDY}"),
        }
    }
}

/// Returns true if the value is null or empty text, which both count as unset.
pub(super) fn is_unset(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Returns a scalar as text; `None` if the value is null, a list or an object.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

impl<'a> Fields<'a> {
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !is_unset(value))
    }

    fn wrong<T>(&self, key: &str, what: &str) -> Result<T> {
        bail!("{}: its {key} is {what}: {REMEDY}", self.owner)
    }

    fn text(&self, key: &str) -> Result<Option<String>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let Some(text) = scalar(value) else { return self.wrong(key, "no text") };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Returns a path. A relative path is relative to its file.
    fn path(&self, key: &str) -> Result<Option<String>> {
        Ok(self.text(key)?.map(|path| self.resolve(path)))
    }

    fn resolve(&self, path: String) -> String {
        if Path::new(&path).is_relative() {
            return self.folder.join(&path).to_str().map_or(path, str::to_owned);
        }
        path
    }

    /// Returns base64 text without its line breaks and spaces.
    fn data(&self, key: &str) -> Result<Option<String>> {
        let text = self.text(key)?.map(|text| text.split_whitespace().collect::<String>());
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        // kubectl's parser knows the words of YAML 1.1.
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(Some(true)),
            "false" | "no" | "off" | "n" => Ok(Some(false)),
            _ => self.wrong(key, "neither true nor false"),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let Some(texts) = scalars(value) else { return self.wrong(key, "no list of texts") };
        Ok(texts)
    }

    fn object(&self, key: &str) -> Result<Option<Fields<'a>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let Value::Object(map) = value else { return self.wrong(key, "no list of keys and values") };
        Ok(Some(Fields { owner: format!("{}: {key}", self.owner), map: Some(map), folder: self.folder }))
    }

    fn extra(&self, key: &str) -> Result<Option<HashMap<String, Vec<String>>>> {
        let Some(Fields { map: Some(map), .. }) = self.object(key)? else { return Ok(None) };
        let each = map.iter().map(|(name, value)| Some((name.clone(), scalars(value)?)));
        match each.collect() {
            Some(extra) => Ok(Some(extra)),
            None => self.wrong(key, "no lists of texts"),
        }
    }

    /// Returns the extensions, which an exec credential's program receives. Skips those without a name or a value.
    fn extensions(&self) -> Vec<NamedExtension> {
        let items = self.value("extensions").and_then(Value::as_array).into_iter().flatten();
        let named = items.filter_map(|item| {
            Some(NamedExtension {
                name: scalar(item.get("name")?)?,
                extension: item.get("extension")?.clone(),
            })
        });
        named.collect()
    }

    fn provider(&self) -> Result<AuthProviderConfig> {
        let config = self.object("config")?.and_then(|config| config.map).into_iter().flatten();
        let config = config.filter_map(|(key, value)| Some((key.clone(), scalar(value)?))).collect();
        Ok(AuthProviderConfig {
            name: self.text("name")?.unwrap_or_default(),
            config,
            ..AuthProviderConfig::default()
        })
    }

    fn exec(&self) -> Result<ExecConfig> {
        let interactive_mode = match self.text("interactiveMode")?.as_deref() {
            None => None,
            Some("Never") => Some(ExecInteractiveMode::Never),
            Some("IfAvailable") => Some(ExecInteractiveMode::IfAvailable),
            Some("Always") => Some(ExecInteractiveMode::Always),
            Some(_) => return self.wrong("interactiveMode", "neither Never, IfAvailable nor Always"),
        };
        // The system looks a bare name up in PATH.
        let command = self
            .text("command")?
            .map(|command| if command.contains(MAIN_SEPARATOR) { self.resolve(command) } else { command });
        Ok(ExecConfig {
            api_version: self.text("apiVersion")?,
            command,
            args: Some(self.texts("args")?).filter(|args| !args.is_empty()),
            env: Some(self.variables()?).filter(|variables| !variables.is_empty()),
            install_hint: self.text("installHint")?,
            interactive_mode,
            provide_cluster_info: self.flag("provideClusterInfo")?.unwrap_or_default(),
            ..ExecConfig::default()
        })
    }

    /// Returns the environment variables in kube's form. A variable without a value is empty.
    fn variables(&self) -> Result<Vec<HashMap<String, String>>> {
        let Some(value) = self.value("env") else { return Ok(Vec::new()) };
        let pair = |item: &Value| {
            let value = item.get("value").filter(|value| !value.is_null());
            let value = value.map_or_else(|| Some(String::new()), scalar)?;
            Some(HashMap::from([
                ("name".to_owned(), scalar(item.get("name")?)?),
                ("value".to_owned(), value),
            ]))
        };
        match value.as_array().and_then(|items| items.iter().map(pair).collect()) {
            Some(pairs) => Ok(pairs),
            None => self.wrong("env", "no list of names and values"),
        }
    }
}

/// Returns a list's scalars as text; `None` if it is no such list. A null list has no items, and a null item is empty.
fn scalars(value: &Value) -> Option<Vec<String>> {
    let text = |item: &Value| if item.is_null() { Some(String::new()) } else { scalar(item) };
    match value {
        Value::Null => Some(Vec::new()),
        value => value.as_array()?.iter().map(text).collect(),
    }
}

#[cfg(test)]
mod tests;
