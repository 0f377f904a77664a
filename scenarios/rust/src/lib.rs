//! A list of projects with their tasks, from PostgreSQL, over HTTP. How the list is read is up to each program.

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Request, Response, Server};
use serde_json::json;
use tokio_postgres::{Client, NoTls};

pub struct Project {
    pub id: i64,
    pub title: String,
    pub tasks: Vec<String>,
}

pub type Listed = Result<Vec<Project>, tokio_postgres::Error>;

/// Serve on 127.0.0.1 at the port in PORT, with one connection to the database in DATABASE_URL.
pub fn serve<L, F>(list: L) -> Result<(), Box<dyn Error>>
where
    L: Fn(Arc<Client>, i64) -> F + Clone + Send + 'static,
    F: Future<Output = Listed> + Send + 'static,
{
    let port: u16 = env::var("PORT")?.parse()?;
    let database = env::var("DATABASE_URL")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let (client, connection) = tokio_postgres::connect(&database, NoTls).await?;
        tokio::spawn(connection);
        let client = Arc::new(client);
        let make = make_service_fn(move |_| {
            let (client, list) = (client.clone(), list.clone());
            async move {
                Ok::<_, Infallible>(service_fn(move |request: Request<Body>| {
                    let listed = list(client.clone(), limit(&request));
                    async move { Ok::<_, Infallible>(answer(&request, listed).await) }
                }))
            }
        });
        Server::try_bind(&SocketAddr::from(([127, 0, 0, 1], port)))?.tcp_nodelay(true).serve(make).await?;
        Ok(())
    })
}

async fn answer(request: &Request<Body>, listed: impl Future<Output = Listed>) -> Response<Body> {
    match request.uri().path() {
        "/health" => respond(200, "{}".into()),
        "/projects" => match listed.await {
            Ok(projects) => {
                let items: Vec<_> = projects
                    .into_iter()
                    .map(|each| json!({"id": each.id, "title": each.title, "tasks": each.tasks}))
                    .collect();
                respond(200, json!({ "items": items }).to_string())
            }
            Err(error) => {
                eprintln!("{}", error);
                respond(500, "{}".into())
            }
        },
        _ => respond(404, "{}".into()),
    }
}

fn respond(status: u16, body: String) -> Response<Body> {
    let built = Response::builder().status(status).header("Content-Type", "application/json").body(Body::from(body));
    built.expect("status and header are constants")
}

fn limit(request: &Request<Body>) -> i64 {
    let query = request.uri().query().unwrap_or("");
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("limit="));
    asked.and_then(|number| number.parse().ok()).unwrap_or(20)
}
