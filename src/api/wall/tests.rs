//! Readers of the feed, fast and slow, over loopback (reliability O6).

use std::net::SocketAddr;
use std::time::Instant;

use super::*;
use crate::api::events::tests::Reader;

/// One board is so large that a few fill what the kernel keeps for a reader that does not read.
const BOARD_BYTES: usize = 256 * 1024;
const BOARDS: u64 = 100;

/// Board number `n`: all of it differs from the one before.
fn shot(n: u64) -> Shot {
    let filling = format!("{n:x}").repeat(BOARD_BYTES).chars().take(BOARD_BYTES).collect::<String>();
    Shot { board: Arc::new(json!({"n": n, "filling": filling})), at_ms: 0 }
}

async fn open(shots: watch::Receiver<Shot>, write_limit: Duration) -> SocketAddr {
    let feed =
        async move |upgrade: WebSocketUpgrade| upgrade.on_upgrade(move |socket| serve(socket, shots, write_limit));
    let router = Router::new().route("/feed", get(feed));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A reader of boards.
struct Page(Reader);

impl Page {
    fn open(address: SocketAddr) -> Page {
        Page(Reader::open(address, "/feed", "").expect("a feed"))
    }

    /// The number of the board in the next message that has one; none once the feed is closed.
    fn next(&mut self) -> Option<u64> {
        loop {
            let message = self.0.next()?;
            let number = message.get("board").or(message.get("patch")).and_then(|board| board.get("n"));
            if let Some(n) = number.and_then(Value::as_u64) {
                return Some(n);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_slowly_gets_the_newest_board_instead_of_a_queue_and_holds_nobody_up() {
    let (shots, watched) = watch::channel(shot(0));
    let address = open(watched, WRITE_LIMIT * 10).await;
    let played = tokio::task::spawn_blocking(move || {
        let (mut fast, mut slow) = (Page::open(address), Page::open(address));
        assert_eq!((fast.next(), slow.next()), (Some(0), Some(0)));
        let mut took = Vec::new();
        for n in 1..=BOARDS {
            let began = Instant::now();
            shots.send_replace(shot(n));
            while fast.next().unwrap() < n {}
            took.push(began.elapsed());
        }
        took.sort_unstable();
        let mut got = 1;
        while slow.next().unwrap() < BOARDS {
            got += 1;
        }
        (took[took.len() * 99 / 100], got)
    });
    let (p99, got) = played.await.unwrap();
    println!("O6: events of the others p99 {p99:?}; who did not read got {got} of {BOARDS} boards");
    assert!(p99 < WRITE_LIMIT, "{p99:?}");
    assert!(got < BOARDS / 2, "{got} boards were kept for a reader that did not read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_at_all_is_closed() {
    let (shots, watched) = watch::channel(shot(0));
    let address = open(watched.clone(), Duration::from_millis(200)).await;
    drop(watched);
    let readers = shots.receiver_count();
    let played = tokio::task::spawn_blocking(move || {
        let mut page = Page::open(address);
        assert_eq!(page.next(), Some(0));
        assert_eq!(shots.receiver_count(), readers + 1);
        let began = Instant::now();
        let mut n = 0;
        while shots.receiver_count() > readers {
            assert!(began.elapsed() < Duration::from_secs(60), "it is still served");
            n += 1;
            shots.send_replace(shot(n));
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut got = 0;
        while page.next().is_some() {
            got += 1;
        }
        (n, got)
    });
    let (sent, got) = played.await.unwrap();
    assert!(got < sent, "{got} of {sent}");
}
