//! The API clients: who they are, and what each may do.

use ick_core::name::ClientId;
use ick_core::secret::Secret;
use ick_core::time::Timestamp;
use ick_state::{Database, Error, Options};
use ick_token::{Scopes, random};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};
use std::path::Path;
use subtle::ConstantTimeEq;

/// `Iidp`: tells this database from those of other programs.
const APPLICATION_ID: i32 = 0x4969_6470;
const MIGRATIONS: &[&str] = &[include_str!("migrations/1.sql")];

const COLUMNS: &str = "client_id, scope, owner, updated_by, revision";

/// Most bytes that a client's scopes may have: its tokens, which carry them, must stay below
/// [`ick_token::MAX_TOKEN`].
pub const MAX_SCOPE: usize = 4096;

/// A client, as it is known to everyone who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name, the `sub` of its tokens.
    pub id: ClientId,
    /// What it may do.
    pub scopes: Scopes,
    /// The client that created it; empty when it was made on this machine by hand.
    pub owner: String,
    /// The client that changed it last.
    pub updated_by: String,
    /// Counts the changes, from 1.
    pub revision: u64,
}

/// The clients in a database. Clones share it.
#[derive(Clone, Debug)]
pub struct Clients(Database);

/// What became of the wish to create a client.
#[derive(Clone, Debug)]
pub enum Created {
    /// It is there now, and this is its secret, which nobody can ask for again.
    New(Client, Secret),
    /// There is one of that name already.
    Exists,
}

impl Clients {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Database::open(&options(path)).map(Self)
    }

    /// The database, for metrics.
    pub fn database(&self) -> &Database {
        &self.0
    }

    /// What is wrong with the database in a file, and with what is in it; nothing is changed.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn problems(path: &Path) -> Result<Vec<String>, Error> {
        let options = options(path);
        let mut problems = ick_state::database::problems(&options)?;
        if problems.is_empty() {
            let clients = Self(Database::open_to_read(&options)?);
            problems = clients.unreadable()?;
        }
        Ok(problems)
    }

    fn unreadable(&self) -> Result<Vec<String>, Error> {
        self.0.read(|conn| {
            let mut statement = conn.prepare("SELECT client_id, scope FROM client")?;
            let mut rows = statement.query([])?;
            let mut problems = Vec::new();
            while let Some(row) = rows.next()? {
                let id: String = row.get(0)?;
                let scope: String = row.get(1)?;
                if id.parse::<ClientId>().is_err() {
                    problems.push(format!("client {id:?} has a name that no client can have"));
                }
                if scope.parse::<Scopes>().is_err() {
                    problems.push(format!("client {id:?} has scopes that are none"));
                }
            }
            Ok(problems)
        })
    }

    /// Creates a client with a new secret.
    ///
    /// # Errors
    /// Those of the database, and when the system has no random bytes.
    pub fn create(
        &self,
        id: &ClientId,
        scopes: &Scopes,
        owner: &str,
        now: Timestamp,
    ) -> Result<Created, Error> {
        let (secret, digest) = new_secret()?;
        self.0.write(|tx| {
            let inserted = tx
                .prepare_cached(
                    "INSERT INTO client
                         (client_id, secret_sha256, scope, owner, updated_by, revision, created, updated)
                     VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5, ?5)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    id.as_str(),
                    digest,
                    scopes.to_string(),
                    owner,
                    millis(now)
                ])?;
            if inserted == 0 {
                return Ok(Created::Exists);
            }
            let client = Client {
                id: id.clone(),
                scopes: scopes.clone(),
                owner: owner.to_owned(),
                updated_by: owner.to_owned(),
                revision: 1,
            };
            Ok(Created::New(client, secret))
        })
    }

    /// A client by its name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn get(&self, id: &ClientId) -> Result<Option<Client>, Error> {
        self.0.read(|conn| find(conn, id))
    }

    /// Up to `limit` clients in the order of their names, those after `after`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<Client>, Error> {
        self.0.read(|conn| {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM client WHERE client_id > ?1 ORDER BY client_id LIMIT ?2"
            ))?;
            let rows = statement.query_map(params![after.unwrap_or(""), limit], client)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Removes a client, if `check` has nothing against it; the client as it was, or none. Tokens that
    /// it has hold until they end.
    ///
    /// # Errors
    /// Those of `check` and of the database.
    pub fn delete<E: From<Error>>(
        &self,
        id: &ClientId,
        check: impl FnOnce(&Client) -> Result<(), E>,
    ) -> Result<Option<Client>, E> {
        self.0.write(|tx| {
            let Some(client) = find(tx, id)? else {
                return Ok(None);
            };
            check(&client)?;
            let mut statement = tx
                .prepare_cached("DELETE FROM client WHERE client_id = ?1")
                .map_err(Error::from)?;
            statement.execute([id.as_str()]).map_err(Error::from)?;
            Ok(Some(client))
        })
    }

    /// Gives a client a new secret in place of the old one, if `check` has nothing against it.
    ///
    /// # Errors
    /// Those of `check` and of the database.
    pub fn renew_secret<E: From<Error>>(
        &self,
        id: &ClientId,
        by: &str,
        now: Timestamp,
        check: impl FnOnce(&Client) -> Result<(), E>,
    ) -> Result<Option<(Client, Secret)>, E> {
        let (secret, digest) = new_secret()?;
        self.0.write(|tx| {
            let Some(mut client) = find(tx, id)? else {
                return Ok(None);
            };
            check(&client)?;
            let mut statement = tx
                .prepare_cached(
                    "UPDATE client
                     SET secret_sha256 = ?2, updated_by = ?3, updated = ?4, revision = revision + 1
                     WHERE client_id = ?1",
                )
                .map_err(Error::from)?;
            statement
                .execute(params![id.as_str(), digest, by, millis(now)])
                .map_err(Error::from)?;
            client.revision += 1;
            by.clone_into(&mut client.updated_by);
            Ok(Some((client, secret)))
        })
    }

    /// The client of that name, if the secret is its own. How long it takes does not tell whether the
    /// name or how much of the secret was right.
    ///
    /// # Errors
    /// Those of the database.
    pub fn authenticate(&self, id: &str, secret: &str) -> Result<Option<Client>, Error> {
        let given = digest(secret);
        self.0.read(|conn| {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {COLUMNS}, secret_sha256 FROM client WHERE client_id = ?1"
            ))?;
            let found = statement
                .query_row([id], |row| Ok((client(row)?, row.get::<_, [u8; 32]>(5)?)))
                .optional()?;
            let kept = found.as_ref().map_or([0; 32], |(_, kept)| *kept);
            let same = bool::from(kept.ct_eq(&given));
            Ok(found.filter(|_| same).map(|(client, _)| client))
        })
    }
}

fn options(path: &Path) -> Options<'_> {
    Options {
        path,
        application_id: APPLICATION_ID,
        migrations: MIGRATIONS,
    }
}

fn new_secret() -> Result<(Secret, [u8; 32]), Error> {
    let text = random::text::<32>().map_err(|error| Error::Other(error.to_string()))?;
    let digest = digest(&text);
    Ok((Secret::new(text), digest))
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn find(conn: &Connection, id: &ClientId) -> Result<Option<Client>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM client WHERE client_id = ?1"
    ))?;
    Ok(statement.query_row([id.as_str()], client).optional()?)
}

fn client(row: &Row<'_>) -> rusqlite::Result<Client> {
    Ok(Client {
        id: parsed(row, 0)?,
        scopes: parsed(row, 1)?,
        owner: row.get(2)?,
        updated_by: row.get(3)?,
        revision: row.get::<_, i64>(4)?.unsigned_abs(),
    })
}

fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
