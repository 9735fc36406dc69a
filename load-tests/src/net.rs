//! Sockets, waiting and processor cores, as the loop of one process needs them. Linux.
//!
//! It knows no protocol. A timer wakes the loop to the microsecond, where `epoll` alone would round to milliseconds.

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, connect as start, socket_with, sockopt},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
        timerfd_create, timerfd_settime,
    },
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    time::Duration,
};

/// Events of one turn; more are there again in the next.
const EVENTS_MAX: usize = 512;
/// Not the number of any connection.
const TIMER: u64 = u64::MAX;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    Read,
    ReadWrite,
    /// To be connected.
    Write,
    /// Nothing: what comes stays in the kernel.
    Nothing,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Read => EventFlags::IN,
            Self::ReadWrite => EventFlags::IN | EventFlags::OUT,
            Self::Write => EventFlags::OUT,
            Self::Nothing => EventFlags::empty(),
        }
    }
}

/// Something that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// As it was added.
    pub key: u64,
    pub read: bool,
    pub write: bool,
    /// Broken or closed; reading tells how.
    pub broken: bool,
}

/// Waits for many sockets and for a time.
pub struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self { epoll, timer, events: Vec::with_capacity(EVENTS_MAX) })
    }

    pub fn add(&self, what: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, what, EventData::new_u64(key), interest.flags())?)
    }

    pub fn change(&self, what: impl AsFd, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, what, EventData::new_u64(key), interest.flags())?)
    }

    /// What is ready now, or becomes so within this time; with none it does not sleep.
    pub fn wait(&mut self, most: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        if !most.is_zero() {
            let value = Timespec {
                tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(most.subsec_nanos()),
            };
            timerfd_settime(
                &self.timer,
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval: never, it_value: value },
            )?;
        }
        // Zero would disarm the timer.
        let at_once = most.is_zero().then_some(&never);
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), at_once) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().filter_map(|event| {
            let (flags, data) = (event.flags, event.data);
            (data.u64() != TIMER).then(|| Ready {
                key: data.u64(),
                read: flags.contains(EventFlags::IN),
                write: flags.contains(EventFlags::OUT),
                broken: flags.intersects(EventFlags::ERR | EventFlags::HUP),
            })
        }));
        Ok(())
    }
}

/// What the kernel holds of what a slow reader has not read.
const SLOW_BUFFER_BYTES: usize = 16 * 1024;

/// Begins to connect from an address of this machine; `slow`: the kernel does not read ahead for it. Whoever drops it resets the connection, so that thousands of
/// them leave no port behind.
pub fn connect(from: Ipv4Addr, to: SocketAddrV4, slow: bool) -> io::Result<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    if slow {
        sockopt::set_socket_recv_buffer_size(&socket, SLOW_BUFFER_BYTES)?;
    }
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    match start(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Lets this process open as many files as it may; how many that is.
pub fn open_files_most() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Keeps this process on one core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Processor time of this process.
pub fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
