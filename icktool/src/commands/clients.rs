//! `icktool create-client`, `list-clients`, `delete-client`

use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::Table;
use crate::session::{Context, Session, client_id};
use ick_api::idp::{ClientSecret, Clients, NewClient};
use ick_core::name::ClientId;
use serde_json::{Value, json};

/// Make an API client
///
/// Prints its name and its generated secret, which is shown this once. Nobody can grant a scope that he
/// does not hold.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool create-client hook --scope uapi_projects_id_trigger_post
  icktool create-client reader --scope uapi_builds_get --scope uapi_logs_id_get --format json")]
pub struct CreateArgs {
    /// The client's name
    #[arg(value_name = "NAME")]
    name: String,
    /// What it may do; can be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
}

/// List API clients
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-clients")]
pub struct ListArgs {}

/// Delete an API client
///
/// It gets no new tokens. Those it has are good for minutes yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool delete-client hook")]
pub struct DeleteArgs {
    /// The client
    #[arg(value_name = "NAME")]
    name: String,
}

/// Makes a client.
///
/// # Errors
/// Those of the call.
pub fn make(
    session: &Session,
    client_id: &ClientId,
    scopes: &[String],
) -> Result<ClientSecret, Error> {
    let client = NewClient {
        client_id: client_id.clone(),
        scope: scopes.join(" "),
    };
    Ok(session.idp()?.create_client(&client)?)
}

/// The one place where a new secret is shown.
pub fn revealed(made: &ClientSecret) -> Value {
    json!({
        "client_id": made.client_id,
        "client_secret": made.client_secret.reveal(),
        "scope": made.scope,
    })
}

/// Makes one.
///
/// # Errors
/// Those of the call.
pub fn create(context: &Context, args: &CreateArgs) -> Result<Exit, Failure> {
    let id = client_id(&args.name)?;
    let session = context.connect()?;
    let made = make(&session, &id, &args.scopes).tried(|| format!("make the client {id}"))?;
    context.out.result(&revealed(&made), |_| {
        format!(
            "client_id: {}\nclient_secret: {}\n",
            made.client_id,
            made.client_secret.reveal()
        )
    })?;
    Ok(Exit::Ok)
}

/// Lists them.
///
/// # Errors
/// Those of the call.
pub fn list(context: &Context) -> Result<Exit, Failure> {
    let session = context.connect()?;
    let clients = Clients {
        clients: session.idp()?.clients(None).tried(|| "list API clients")?,
    };
    context.out.result(&clients, |clients| {
        let mut table = Table::new(&["CLIENT", "SCOPES"]);
        for client in &clients.clients {
            table.row(vec![
                client.client_id.as_str().into(),
                client.scope.as_str().into(),
            ]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}

/// Deletes one.
///
/// # Errors
/// Those of the call.
pub fn delete(context: &Context, args: &DeleteArgs) -> Result<Exit, Failure> {
    let id = client_id(&args.name)?;
    let session = context.connect()?;
    session
        .idp()?
        .delete_client(&id)
        .tried(|| format!("delete the client {id}"))?;
    context.out.note(&format!("deleted the client {id}"));
    Ok(Exit::Ok)
}
