//! Bodies that come at once, slowly, in part or never; the time is tokio's.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::queue::{PATIENCE, ROOM};
use super::*;

/// A client that sends what the test says.
struct Sent(mpsc::UnboundedReceiver<Result<Bytes, &'static str>>);

impl Body for Sent {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

type Client = mpsc::UnboundedSender<Result<Bytes, &'static str>>;
type Reading = JoinHandle<Result<usize, Problem>>;

/// Begins to read a body; what it ends with is how long it was. A whole one is given back at once.
fn begin(room: &Arc<Room>, length: usize) -> (Client, Reading) {
    begin_of(1, room, length)
}

/// The same from the peer with this number.
fn begin_of(peer: u8, room: &Arc<Room>, length: usize) -> (Client, Reading) {
    let (client, sent) = mpsc::unbounded_channel();
    let connection = Arc::new(Connection::from_peer(Ipv4Addr::new(192, 0, 2, peer).into()));
    (client, read(room, sent, length, connection))
}

fn read(
    room: &Arc<Room>,
    sent: mpsc::UnboundedReceiver<Result<Bytes, &'static str>>,
    length: usize,
    connection: Arc<Connection>,
) -> Reading {
    let room = Arc::clone(room);
    tokio::spawn(async move {
        room.read(Sent(sent), length, &connection)
            .await
            .map(|whole| whole.len())
    })
}

fn send(client: &Client, bytes: usize) {
    // A body that was given up is not received.
    let _ = client.send(Ok(vec![b' '; bytes].into()));
}

async fn pass(time: Duration) {
    sleep(time).await;
}

fn free(room: &Room) -> usize {
    room.queue().free
}

#[tokio::test(start_paused = true)]
async fn what_is_announced_takes_nothing_and_what_has_come_takes_at_most_twice_of_it() {
    let room = Room::new();
    let bodies: Vec<_> = (0..300).map(|_| begin(&room, LARGEST)).collect();
    pass(PATIENCE).await;
    assert_eq!(free(&room), ROOM);
    send(&bodies[0].0, SMALL);
    send(&bodies[1].0, 100 << 10);
    for _ in 0..1000 {
        send(&bodies[1].0, 1);
    }
    pass(PATIENCE).await;
    let taken = ROOM - free(&room);
    assert!((68 << 10..=168 << 10).contains(&taken), "{taken}");
    drop(bodies);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_gives_way_only_while_there_is_no_room() {
    let room = Room::new();
    let stalled: Vec<_> = (0..2).map(|_| begin(&room, LARGEST)).collect();
    for (client, _) in &stalled {
        send(client, 2 << 20);
    }
    pass(Duration::from_hours(1)).await;
    assert!(
        stalled.iter().all(|(_, reading)| !reading.is_finished()),
        "no other body needs it"
    );
    let (client, reading) = begin(&room, 1 << 20);
    send(&client, 1 << 20);
    drop(client);
    assert_eq!(reading.await.expect("no panic"), Ok(1 << 20));
    let mut given_up = 0;
    for (client, reading) in stalled {
        send(&client, 2 << 20);
        drop(client);
        given_up += usize::from(reading.await.expect("no panic") == Err(Problem::Slow));
    }
    assert_eq!((given_up, free(&room)), (1, ROOM), "as many as it takes");
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_is_no_progress() {
    let room = Room::new();
    let dripping: Vec<_> = (0..4).map(|_| begin(&room, LARGEST)).collect();
    for (client, _) in &dripping {
        send(client, 1 << 20);
    }
    let clients: Vec<_> = dripping.iter().map(|(client, _)| client.clone()).collect();
    let dripper = tokio::spawn(async move {
        loop {
            for client in &clients {
                send(client, 1);
            }
            pass(Duration::from_millis(50)).await;
        }
    });
    let (client, reading) = begin(&room, LARGEST);
    send(&client, LARGEST);
    drop(client);
    assert_eq!(reading.await.expect("no panic"), Ok(LARGEST));
    dripper.abort();
}

/// All but the last byte, from many connections: each holds memory until it has
/// kept the others waiting.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_ends_its_bodies_delays_another_peer_by_one_of_them() {
    let room = Room::new();
    let stalled: Vec<_> = (0..60).map(|_| begin_of(1, &room, LARGEST)).collect();
    for (client, _) in &stalled {
        send(client, LARGEST - 1);
    }
    pass(Duration::from_millis(1)).await;
    for length in [SMALL + 1, 1 << 20, LARGEST] {
        let began = Instant::now();
        let (client, reading) = begin_of(2, &room, length);
        send(&client, length);
        drop(client);
        assert_eq!(reading.await.expect("no panic"), Ok(length));
        assert!(
            began.elapsed() < 2 * PATIENCE,
            "{length} bytes: {:?}",
            began.elapsed()
        );
    }
}

/// Its client cannot send on, so the limit of a body is not for it.
#[tokio::test(start_paused = true)]
async fn only_a_body_that_waits_for_memory_is_held_up() {
    let room = Room::new();
    let first = begin(&room, LARGEST);
    send(&first.0, LARGEST - 1);
    pass(Duration::from_millis(1)).await;
    let connections = [SMALL, LARGEST].map(|length| {
        let (client, sent) = mpsc::unbounded_channel();
        let connection = Arc::new(Connection::from_peer(Ipv4Addr::LOCALHOST.into()));
        send(&client, length);
        (
            read(&room, sent, length, Arc::clone(&connection)),
            connection,
        )
    });
    pass(Duration::from_millis(1)).await;
    assert_eq!(
        connections
            .each_ref()
            .map(|(_, connection)| connection.is_held_up()),
        [false, true]
    );
    for (reading, _) in connections {
        reading
            .await
            .expect("no panic")
            .expect("in the end it comes");
    }
}

/// What arrives meanwhile is read late, which is not the fault of its clients.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_gives_no_body_up_for_it() {
    let room = Room::new();
    let bodies: Vec<_> = (0..2).map(|_| begin(&room, LARGEST)).collect();
    send(&bodies[0].0, 2 << 20);
    send(&bodies[1].0, 1 << 20);
    let waiting = begin(&room, LARGEST);
    send(&waiting.0, LARGEST);
    pass(Duration::from_millis(1)).await;
    assert!(
        free(&room) < LARGEST + (2 << 20),
        "the last one has to wait"
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    send(&bodies[0].0, 2 << 20);
    send(&bodies[1].0, 3 << 20);
    for (client, reading) in bodies.into_iter().chain([waiting]) {
        drop(client);
        assert_eq!(reading.await.expect("no panic"), Ok(LARGEST));
    }
}

/// Four times of what there is room for, in pieces as a busy network brings them: none
/// waits for ever for another.
#[tokio::test(start_paused = true)]
async fn honest_bodies_that_come_together_all_come_to_their_end() {
    const PIECE: usize = 16 << 10;
    let room = Room::new();
    let all: Vec<_> = (0..8).map(|_| begin(&room, LARGEST)).collect();
    for (client, _) in &all {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..LARGEST / PIECE {
                send(&client, PIECE);
                pass(Duration::from_millis(10)).await;
            }
        });
    }
    for (client, reading) in all {
        drop(client);
        assert_eq!(reading.await.expect("no panic"), Ok(LARGEST));
    }
    assert_eq!(free(&room), ROOM);
}

#[tokio::test(start_paused = true)]
async fn what_ends_early_gives_everything_back() {
    let room = Room::new();
    let (client, reading) = begin(&room, LARGEST);
    send(&client, 1 << 20);
    client.send(Err("reset")).expect("read");
    assert_eq!(reading.await.expect("no panic"), Err(Problem::Cut));
    let (client, reading) = begin(&room, LARGEST);
    send(&client, 1 << 20);
    pass(PATIENCE).await;
    assert!(free(&room) < ROOM);
    reading.abort();
    assert!(reading.await.is_err());
    assert_eq!(free(&room), ROOM);
    assert!(room.queue().bodies.is_empty());
}
