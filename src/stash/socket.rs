//! `/graphql` over a WebSocket: queries, mutations and subscriptions, in both sub-protocols that
//! clients speak (`graphql-transport-ws`, and the older `graphql-ws`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::AbortHandle;

use super::door::{Shared, origin};
use super::graphql;
use super::job::{JobObject, JobStatusObject, job_update};
use super::log::{self, LogEntry};
use super::schema::ENGINE;
use super::scope::{Origin, Scope};
use crate::graphql::{
    Context, Field, FieldError, Map, MediaType, Object, OperationKind, Prepared, Request as Asked,
    Resolved,
};
use crate::http::websocket::{self, Message, Pending, Receiver, Sender};
use crate::http::{Request, Response};
use crate::library::jobs::{JobStatus, JobUpdate};

/// The newer sub-protocol, and the older one.
const NEWER: &str = "graphql-transport-ws";
const OLDER: &str = "graphql-ws";

/// How long a client may take to begin.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the older protocol says that the connection lives.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// How often new log lines are told.
const LOGS_EVERY: Duration = Duration::from_secs(1);
/// Operations of one connection at the same time.
const OPERATIONS_MAX: usize = 256;
/// Bytes of a message at most.
const MESSAGE_MAX: usize = 50 << 20;
/// Events that wait for a slow client; beyond it the oldest are lost.
const EVENTS_WAITING: usize = 1024;

/// What subscribers are told of.
pub(super) struct Events {
    jobs: broadcast::Sender<JobUpdate>,
}

impl Default for Events {
    fn default() -> Events {
        Events { jobs: broadcast::channel(EVENTS_WAITING).0 }
    }
}

impl Events {
    /// Tells of a job. Nobody may listen.
    pub(super) fn job(&self, update: &JobUpdate) {
        let _ = self.jobs.send(update.clone());
    }
}

/// Whether a request wants to speak over a WebSocket.
pub(super) fn is_wanted(request: &Request) -> bool {
    request.headers.has_token("upgrade", "websocket")
}

/// Answers the handshake; the conversation goes on in a task of its own.
pub(super) fn answer(shared: &Arc<Shared>, mut request: Request) -> Response {
    let origin = origin(shared, &request);
    let offers = request.headers.get("sec-websocket-protocol");
    let (has_offers, chosen) = (offers.is_some(), chosen(offers.unwrap_or_default()));
    match websocket::accept(&mut request, chosen.as_slice(), MESSAGE_MAX) {
        Ok((response, pending)) => {
            let conversation = Conversation {
                shared: Arc::clone(shared),
                origin,
                is_older: pending.protocol != Some(NEWER),
            };
            let is_refused = has_offers && pending.protocol.is_none();
            tokio::spawn(conversation.run(pending, is_refused));
            response
        }
        Err(refusal) => refusal,
    }
}

/// The first sub-protocol that a client offers and that is spoken here. The client's order counts:
/// one that does not understand the answer's header goes on with its own first.
fn chosen(offers: &str) -> Option<&'static str> {
    let known = |offer: &str| [NEWER, OLDER].into_iter().find(|own| *own == offer.trim());
    offers.split(',').find_map(known)
}

#[derive(Clone)]
struct Conversation {
    shared: Arc<Shared>,
    origin: Origin,
    is_older: bool,
}

/// The operations under way; dropping them ends them.
#[derive(Default)]
struct Running(HashMap<String, AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}

impl Conversation {
    async fn run(self, pending: Pending, is_refused: bool) {
        let Ok((mut receiver, sender)) = pending.socket().await else { return };
        if is_refused {
            return sender.close(4406, "Subprotocol not acceptable").await;
        }
        let greeting = tokio::time::timeout(PATIENCE, receive(&mut receiver)).await;
        match greeting {
            Err(_) => return sender.close(4408, "Connection initialisation timeout").await,
            Ok(Some(message)) if kind(&message) == "connection_init" => {}
            Ok(Some(_)) => return sender.close(4401, "Unauthorized").await,
            Ok(None) => return,
        }
        if say(&sender, json!({"type": "connection_ack"})).await.is_err() {
            return;
        }
        if self.is_older && say(&sender, json!({"type": "ka"})).await.is_err() {
            return;
        }
        let mut running = Running::default();
        let mut alive =
            tokio::time::interval_at(tokio::time::Instant::now() + ALIVE_EVERY, ALIVE_EVERY);
        loop {
            tokio::select! {
                message = receive(&mut receiver) => {
                    let Some(message) = message else { return };
                    if !self.hear(message, &sender, &mut running).await {
                        return;
                    }
                }
                _ = alive.tick(), if self.is_older => {
                    if say(&sender, json!({"type": "ka"})).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Does what a message asks for; whether the conversation goes on.
    async fn hear(&self, message: Json, sender: &Sender, running: &mut Running) -> bool {
        let id = message.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
        running.0.retain(|_, task| !task.is_finished());
        match kind(&message) {
            "ping" => say(sender, json!({"type": "pong"})).await.is_ok(),
            "pong" => true,
            "subscribe" | "start" => {
                if running.0.contains_key(&id) && !self.is_older {
                    let reason = format!("Subscriber for {id} already exists");
                    sender.close(4409, &reason).await;
                    return false;
                }
                if running.0.len() >= OPERATIONS_MAX {
                    let errors = json!([{"message": "there are too many operations"}]);
                    let refusal = json!({"type": "error", "id": id, "payload": errors});
                    return say(sender, refusal).await.is_ok();
                }
                let payload = message.get("payload").cloned().unwrap_or_default();
                let (own, to, at) = (self.clone(), sender.clone(), id.clone());
                let task = tokio::spawn(async move { own.operation(payload, &at, &to).await });
                if let Some(before) = running.0.insert(id, task.abort_handle()) {
                    before.abort();
                }
                true
            }
            "complete" | "stop" => {
                if let Some(task) = running.0.remove(&id) {
                    task.abort();
                }
                true
            }
            "connection_terminate" => {
                sender.close(1000, "terminated").await;
                false
            }
            "connection_init" if self.is_older => true,
            "connection_init" => {
                sender.close(4429, "Too many initialisation requests").await;
                false
            }
            _ => {
                sender.close(4400, "the message is not understood").await;
                false
            }
        }
    }

    /// Runs one operation to its end.
    async fn operation(&self, payload: Json, id: &str, sender: &Sender) {
        let answered = match Asked::from_value(payload) {
            Ok(asked) => self.answered(asked, id, sender).await,
            Err(message) => Err(json!([{"message": message}])),
        };
        // A client that is gone hears nothing of it.
        let _ = match answered {
            Ok(()) => say(sender, json!({"type": "complete", "id": id})).await,
            Err(errors) => say(sender, json!({"type": "error", "id": id, "payload": errors})).await,
        };
    }

    async fn answered(&self, asked: Asked, id: &str, sender: &Sender) -> Result<(), Json> {
        let prepared = ENGINE.prepare(&asked.query, asked.operation_name.as_deref());
        if let Ok(prepared) = prepared
            && prepared.kind() == OperationKind::Subscription
        {
            let variables = ENGINE.variables(&prepared, &asked.variables, 0);
            let variables = variables.map_err(|error| listed(&[error]))?;
            return self.subscription(&prepared, variables, id, sender).await;
        }
        let outcome =
            graphql::execute(&self.shared, asked, MediaType::Json, self.origin.clone()).await;
        if outcome.http_status == 200 {
            return self.tell(&outcome.body, id, sender).await.map_err(|_| Json::Null);
        }
        let body: Json = serde_json::from_slice(&outcome.body).unwrap_or_default();
        Err(body.get("errors").cloned().unwrap_or_default())
    }

    /// One answer of an operation.
    async fn tell(&self, body: &[u8], id: &str, sender: &Sender) -> std::io::Result<()> {
        let kind = if self.is_older { "data" } else { "next" };
        let body = String::from_utf8_lossy(body);
        let id = Json::from(id);
        sender.text(&format!("{{\"type\":\"{kind}\",\"id\":{id},\"payload\":{body}}}")).await
    }

    /// Tells of events until the client goes.
    async fn subscription(
        &self,
        prepared: &Arc<Prepared>,
        variables: Map,
        id: &str,
        sender: &Sender,
    ) -> Result<(), Json> {
        let variables = Arc::new(variables);
        let wanted = root_field(prepared, &variables);
        let mut jobs = self.shared.events.jobs.subscribe();
        let mut seen = log::last_number();
        let mut ticks = tokio::time::interval(LOGS_EVERY);
        loop {
            let event = if wanted == "loggingSubscribe" {
                ticks.tick().await;
                let (last, lines) = log::entries_since(seen);
                seen = last;
                if lines.is_empty() {
                    continue;
                }
                Event::Logs(lines)
            } else {
                match jobs.recv().await {
                    Ok(update) => Event::Job(update),
                    // It was too slow; what comes next is told.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return Ok(()),
                }
            };
            if !event.concerns(&wanted) {
                continue;
            }
            let body = self.event_body(prepared, &variables, event).await;
            if self.tell(&body, id, sender).await.is_err() {
                return Ok(());
            }
        }
    }

    /// The answer to an event, made on a thread that may block.
    async fn event_body(
        &self,
        prepared: &Arc<Prepared>,
        variables: &Arc<Map>,
        event: Event,
    ) -> Vec<u8> {
        let (shared, origin) = (Arc::clone(&self.shared), self.origin.clone());
        let (prepared, variables) = (Arc::clone(prepared), Arc::clone(variables));
        let made = tokio::task::spawn_blocking(move || {
            let scope = Scope::new(&shared, origin);
            ENGINE.execute(&prepared, &variables, &Subscription { scope, event }, &())
        });
        made.await.unwrap_or_else(|_| b"{\"data\":null}".to_vec())
    }
}

async fn receive(receiver: &mut Receiver) -> Option<Json> {
    match receiver.receive().await? {
        Message::Text(text) => Some(serde_json::from_str(&text).unwrap_or_default()),
        Message::Binary(_) => Some(Json::Null),
    }
}

fn kind(message: &Json) -> &str {
    message.get("type").and_then(Json::as_str).unwrap_or_default()
}

async fn say(sender: &Sender, message: Json) -> std::io::Result<()> {
    sender.text(&message.to_string()).await
}

fn listed(errors: &[crate::graphql::GraphqlError]) -> Json {
    let mut bytes = Vec::new();
    crate::graphql::GraphqlError::write_list(errors, &mut bytes);
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The field that a subscription is of.
fn root_field(prepared: &Prepared, variables: &Map) -> String {
    struct Probe(RefCell<String>);
    impl Object for Probe {
        fn type_name(&self) -> &'static str {
            "Subscription"
        }
        fn field<'a>(
            &'a self,
            field: Field<'a>,
            _: &'a Context<'a>,
        ) -> Result<Resolved<'a>, FieldError> {
            self.0.replace(field.name().to_owned());
            Err(FieldError::Unresolved)
        }
    }
    let probe = Probe(RefCell::default());
    // Only the name of what is asked for matters here.
    let _ = ENGINE.execute(prepared, variables, &probe, &());
    probe.0.into_inner()
}

/// What happened.
enum Event {
    Job(JobUpdate),
    Logs(Vec<crate::library::logs::LogLine>),
}

impl Event {
    /// Whether a field tells of it.
    fn concerns(&self, field: &str) -> bool {
        match (self, field) {
            (Event::Job(_), "jobsSubscribe" | "metadataUpdate")
            | (Event::Logs(_), "loggingSubscribe") => true,
            (Event::Job(JobUpdate::Removed(job)), "scanCompleteSubscribe") => {
                let is_scan = ["Scanning...", "Cleaning..."].contains(&job.description.as_str());
                is_scan && job.status == JobStatus::Finished
            }
            _ => false,
        }
    }
}

/// The root of subscriptions: one event.
struct Subscription {
    scope: Result<Rc<Scope>, FieldError>,
    event: Event,
}

impl Object for Subscription {
    fn type_name(&self) -> &'static str {
        "Subscription"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let scope = self.scope.as_ref().map_err(Clone::clone)?;
        Ok(match (field.name(), &self.event) {
            ("jobsSubscribe", Event::Job(update)) => Resolved::object(job_update(scope, update)),
            ("metadataUpdate", Event::Job(update)) => {
                Resolved::object(JobStatusObject::of(Some(JobObject::of_update(update))))
            }
            ("scanCompleteSubscribe", _) => Resolved::Bool(true),
            ("loggingSubscribe", Event::Logs(lines)) => {
                Resolved::objects(lines.iter().map(|line| LogEntry::new(scope, line.clone())))
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offer_that_is_known_is_chosen() {
        assert_eq!(chosen("graphql-ws, graphql-transport-ws"), Some(OLDER));
        assert_eq!(chosen("soap,graphql-transport-ws,graphql-ws"), Some(NEWER));
        assert_eq!(chosen("soap"), None);
        assert_eq!(chosen(""), None);
    }
}
