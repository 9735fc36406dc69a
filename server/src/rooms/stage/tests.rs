//! A style that hangs: the order holds, the line goes on plain, and the threads that are lost are bounded.

use super::*;
use std::sync::{
    atomic::{AtomicBool, AtomicU32, Ordering},
    mpsc,
};
use transformer_api::{Line, Transformer};

/// Loops on lines that say so, until it is let go; counts them.
struct Loops {
    let_go: Arc<AtomicBool>,
    looped: Arc<AtomicU32>,
}

impl Transformer for Loops {
    fn name(&self) -> &'static str {
        "loops"
    }
    fn description(&self) -> &'static str {
        ""
    }
    fn sample(&self) -> &'static str {
        "hi"
    }
    fn transform(&self, line: Line<'_>) -> String {
        if line.text.contains("loop") {
            self.looped.fetch_add(1, Ordering::SeqCst);
            while !self.let_go.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
        assert!(!line.text.contains("panic"), "poison");
        format!("{}!", line.text)
    }
}

struct Bench {
    stage: Stage,
    let_go: Arc<AtomicBool>,
    looped: Arc<AtomicU32>,
    answers: mpsc::Receiver<(usize, Option<String>)>,
    answer: mpsc::Sender<(usize, Option<String>)>,
    put: usize,
}

impl Bench {
    fn new() -> Self {
        let (let_go, looped) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (answer, answers) = mpsc::channel();
        let style = Loops { let_go: let_go.clone(), looped: looped.clone() };
        let stage = Stage::new(Voice::patient(Arc::new(style)));
        Self { stage, let_go, looped, answers, answer, put: 0 }
    }

    fn put(&mut self, text: &str) -> Result<(), Full> {
        let (number, answer) = (self.put, self.answer.clone());
        self.put += 1;
        self.stage.put(Seed(0), text.to_owned(), Arc::default(), move |said| {
            let _ = answer.send((number, said));
        })
    }

    fn next(&self) -> (usize, Option<String>) {
        self.answers.recv().expect("the bench has a sender")
    }

    /// Waits for the line that loops for the nth time, and lets the time pass that a line may take. No clock is
    /// waited for, so a busy machine changes nothing.
    fn hangs(&self, nth: u32) {
        while self.looped.load(Ordering::SeqCst) < nth {
            thread::yield_now();
        }
        assert!(!self.stage.watch(Instant::now() - HANG), "it has its time");
        assert!(self.stage.watch(Instant::now() + HANG));
    }

    fn left_behind(&self) -> u32 {
        self.stage.0.state.lock().left_behind
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.let_go.store(true, Ordering::Relaxed);
    }
}

#[test]
fn answers_come_in_the_order_of_the_lines_whatever_the_style_does() {
    let mut bench = Bench::new();
    for text in ["a", "panic", "b", "loop", "c", "d"] {
        bench.put(text).unwrap();
    }
    bench.hangs(1);
    let said: Vec<_> = (0..6).map(|_| bench.next()).collect();
    let expected = [Some("a!"), None, Some("b!"), None, Some("c!"), Some("d!")];
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(said[number], (number, expected.map(str::to_owned)));
    }
    assert_eq!(bench.left_behind(), 1);
}

#[test]
fn a_style_that_hangs_again_and_again_is_switched_off_until_a_thread_comes_back() {
    let mut bench = Bench::new();
    for text in ["loop", "loop", "loop", "a"] {
        bench.put(text).unwrap();
    }
    bench.hangs(1);
    bench.hangs(2);
    for number in 0..4 {
        assert_eq!(bench.next(), (number, None));
    }
    assert_eq!(bench.looped.load(Ordering::SeqCst), 2);
    assert_eq!(bench.left_behind(), LEFT_BEHIND_MAX, "no third thread was risked");
    bench.let_go.store(true, Ordering::Relaxed);
    while bench.left_behind() > 0 {
        thread::yield_now();
    }
    bench.put("b").unwrap();
    assert_eq!(bench.next(), (4, Some("b!".to_owned())));
}

#[test]
fn what_waits_is_bounded() {
    let mut bench = Bench::new();
    bench.put("loop").unwrap();
    while bench.looped.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    for _ in 0..WAITING_MAX {
        bench.put("a").unwrap();
    }
    assert_eq!(bench.put("b"), Err(Full));
    bench.hangs(1);
    for number in 0..=WAITING_MAX {
        assert_eq!(bench.next().0, number);
    }
}
