//! Which key signs.

use std::path::Path;

use custody_evidence::key::{KeyId, SigningKey};

use super::{KeyName, KeyStore, KeyStoreError, load_private_key};

/// The key that was chosen, and where it was found.
#[derive(Debug)]
pub struct Choice {
    /// The key.
    pub key: SigningKey,
    /// The file, name or variable, as the user would write it.
    pub from: String,
}

/// Finds the key that `asked` names: `env://VARIABLE` (the PEM text itself), a file, a stored key's name, or its id.
///
/// Without a name the only stored key is taken, or the one called `default`: a choice among several must not depend
/// on the order of a folder. `variable` looks up an environment variable.
pub fn choose(
    asked: Option<&str>,
    store: &KeyStore,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Choice, KeyStoreError> {
    let Some(asked) = asked else { return only(store) };
    if let Some(name) = asked.strip_prefix("env://") {
        let text = variable(name).ok_or_else(|| KeyStoreError::NoVariable { name: name.to_owned() })?;
        let key = SigningKey::from_pem(&text)
            .map_err(|source| KeyStoreError::Key { from: asked.to_owned(), source })?;
        return Ok(Choice { key, from: asked.to_owned() });
    }
    let path = Path::new(asked);
    if asked.contains('/') || path.is_file() {
        return Ok(Choice { key: load_private_key(path)?, from: asked.to_owned() });
    }
    let hex = asked.strip_prefix("key:").unwrap_or(asked);
    if let Ok(id) = hex.parse::<KeyId>() {
        return by_id(&id, store);
    }
    let stored = store.names()?;
    match asked.parse::<KeyName>() {
        Ok(name) if stored.contains(&name) => Ok(Choice { key: store.load(&name)?, from: name.to_string() }),
        Ok(_) | Err(_) => {
            Err(KeyStoreError::NotFound { asked: asked.to_owned(), dir: store.dir().to_owned(), stored })
        }
    }
}

fn only(store: &KeyStore) -> Result<Choice, KeyStoreError> {
    let stored = store.names()?;
    let chosen = match stored.as_slice() {
        [] => return Err(KeyStoreError::None { dir: store.dir().to_owned() }),
        [only] => only,
        several => match several.iter().find(|name| name.as_str() == "default") {
            Some(default) => default,
            None => return Err(KeyStoreError::Several { stored }),
        },
    };
    Ok(Choice { key: store.load(chosen)?, from: chosen.to_string() })
}

/// A key that cannot be read is passed over: the id may be that of another one.
fn by_id(id: &KeyId, store: &KeyStore) -> Result<Choice, KeyStoreError> {
    for name in store.names()? {
        match store.load(&name) {
            Ok(key) if key.id() == *id => return Ok(Choice { key, from: name.to_string() }),
            Ok(_) | Err(_) => {}
        }
    }
    Err(KeyStoreError::NoSuchId { id: *id })
}
