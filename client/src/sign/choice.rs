//! Which key signs. A key that another kind of store keeps is chosen here, too: by a name that says so, as `env://` does.

use std::path::Path;

use custody_evidence::key::{KeyId, SigningKey};

use super::{KeyName, KeyStore, KeyStoreError, Signer, load_private_key};

/// The key that was chosen, and where it was found.
#[derive(Debug)]
pub struct Choice {
    /// The key.
    pub key: Box<dyn Signer>,
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
    if asked.contains('/') || Path::new(asked).is_file() {
        return Ok(chosen(private_key(asked, variable)?, asked));
    }
    let hex = asked.strip_prefix("key:").unwrap_or(asked);
    if let Ok(id) = hex.parse::<KeyId>() {
        return by_id(&id, store);
    }
    let stored = store.names()?;
    match asked.parse::<KeyName>() {
        Ok(name) if stored.contains(&name) => Ok(chosen(store.load(&name)?, name.as_str())),
        Ok(_) | Err(_) => {
            Err(KeyStoreError::NotFound { asked: asked.to_owned(), dir: store.dir().to_owned(), stored })
        }
    }
}

/// Returns the private key in `env://VARIABLE` (the PEM text itself) or in a file.
pub fn private_key(
    from: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<SigningKey, KeyStoreError> {
    let Some(name) = from.strip_prefix("env://") else { return load_private_key(Path::new(from)) };
    let text = variable(name).ok_or_else(|| KeyStoreError::NoVariable { name: name.to_owned() })?;
    SigningKey::from_pem(&text).map_err(|source| KeyStoreError::Key { from: from.to_owned(), source })
}

fn chosen(key: SigningKey, from: &str) -> Choice {
    Choice { key: Box::new(key), from: from.to_owned() }
}

fn only(store: &KeyStore) -> Result<Choice, KeyStoreError> {
    let stored = store.names()?;
    let name = match stored.as_slice() {
        [] => return Err(KeyStoreError::None { dir: store.dir().to_owned() }),
        [only] => only,
        several => match several.iter().find(|name| name.as_str() == "default") {
            Some(default) => default,
            None => return Err(KeyStoreError::Several { stored }),
        },
    };
    Ok(chosen(store.load(name)?, name.as_str()))
}

/// A key that cannot be read is passed over: the id may be that of another one.
fn by_id(id: &KeyId, store: &KeyStore) -> Result<Choice, KeyStoreError> {
    for name in store.names()? {
        match store.load(&name) {
            Ok(key) if key.id() == *id => return Ok(chosen(key, name.as_str())),
            Ok(_) | Err(_) => {}
        }
    }
    Err(KeyStoreError::NoSuchId { id: *id })
}
