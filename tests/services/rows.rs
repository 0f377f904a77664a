// An HTTP service in Rust, of its standard library alone, whose requests render rows: rows PORT. --cfg injected adds a
// function.
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

#[inline(never)]
fn render(rows: usize) -> String {
    (0..rows).map(|row| format!("row {row}\n")).collect()
}

#[cfg(injected)]
#[inline(never)]
fn audit(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut sum = 7u64;
    for at in 0..3000 {
        sum = std::hint::black_box(sum.wrapping_mul(131).wrapping_add(u64::from(bytes[at % bytes.len()])));
    }
    sum
}

fn main() {
    let port: u16 = std::env::args().nth(1).expect("a port").parse().expect("a number");
    for stream in TcpListener::bind(("127.0.0.1", port)).expect("a free port").incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut path = String::new();
        for line in BufReader::new(&stream).lines().map_while(Result::ok) {
            if line.is_empty() { break }
            if path.is_empty() { path = line.split(' ').nth(1).unwrap_or("/").to_string() }
        }
        let body = if path == "/rows" { render(40) } else { "ok".to_string() };
        #[cfg(injected)]
        if path == "/rows" { std::hint::black_box(audit(&body)); }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all((head + &body).as_bytes());
    }
}
