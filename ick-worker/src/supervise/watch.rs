//! The supervisor proper: watches one action from its start to its end.

use super::cgroup::{self, Held, MemoryEvents};
use super::ending::{self, Ending};
use super::fork::{Fork, fork};
use super::last_words::LastWords;
use super::reaper::{self, End, Word};
use super::too_big::{self, TooBig};
use super::{children, now, outputs, usage};
use crate::caches;
use crate::engine::{ActionResult, Order, Program, STOP, VERSION, cannot, cause};
use crate::places::chroot;
use crate::spool::Writer;
use ick_api::logframe::Stream;
use ick_core::build::{Cause, CauseKind};
use ick_core::time::Timestamp;
use ick_core::yaml::format_size;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::pipe::PipeFlags;
use rustix::process::Pid;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// How much a pipe holds, where Linux lets it.
const PIPE: usize = 1 << 20;

/// How much is read at once: more than a pipe holds, so that one read empties it.
const READ: usize = PIPE + (64 << 10);

/// What the supervisor waits for, as its event numbers.
const STDOUT: u64 = 0;
const STDERR: u64 = 1;
const WORDS: u64 = 2;
const SIGNALS: u64 = 3;
const TOO_BIG: u64 = 4;
const TOO_MUCH: u64 = 5;
const REFUSED: u64 = 6;

/// Executes an action and watches it until nothing of it is left.
pub(super) fn to_the_end(order: &Order, folder: &Path, started: Timestamp) -> ActionResult {
    let mut result = ActionResult {
        v: VERSION,
        exit_code: None,
        cause: None,
        outputs: BTreeMap::new(),
        started,
        ended: started,
        log_length: 0,
    };
    // Whoever found nobody that supervises the action may have given it up already; what is told to
    // end before it began is never started.
    if folder.join(STOP).exists() {
        result.cause = Some(Ending::by_signal(folder, &order.limits).cause);
        return result;
    }
    let points = match chroot::MountPoints::of(order) {
        Ok(points) => points,
        Err(why) => {
            result.cause = Some(why);
            return result;
        }
    };
    let watched = Writer::open(folder, order.request.log_left, order.limits.tail)
        .and_then(|mut spool| {
            caches::restore(order, &mut |line| say(&mut spool, line));
            Watch::start(order, folder, spool)
        })
        .and_then(|mut watch| {
            let ended = watch.until_end();
            watch.end_everything();
            ended.map(|()| watch)
        })
        .map_err(|why| cannot("supervise the action", &why))
        .and_then(|watch| watch.conclude(&mut result));
    if let Err(why) = watched {
        result.cause = Some(why);
    }
    if let Some(points) = points {
        points.remove();
    }
    result.ended = now();
    result
}

struct Watch<'a> {
    order: &'a Order,
    folder: &'a Path,
    spool: Writer,
    /// Why nothing more is written to the spool.
    spool_broken: bool,
    events: OwnedFd,
    outputs: [Option<OwnedFd>; 2],
    words: OwnedFd,
    heard: Vec<u8>,
    orders: OwnedFd,
    signals: UnixStream,
    too_big: TooBig,
    too_much: Option<UnixStream>,
    held: Held,
    deadline: Option<Instant>,
    ending: Option<Ending>,
    last_words: LastWords,
    /// How many processes Linux had ended for want of memory when the action began.
    ended_before: u64,
    /// What the reaper said at the end; `Some(None)` when it ended without a word.
    end: Option<Option<Word>>,
    buffer: Vec<u8>,
}

impl<'a> Watch<'a> {
    fn start(order: &'a Order, folder: &'a Path, spool: Writer) -> io::Result<Self> {
        let measured = too_big::watched_by_a_process(order, folder)?;
        let (stdout, out) = output_pipe()?;
        let (stderr, err) = output_pipe()?;
        let (words, say) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let (obey, orders) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let gone = words.try_clone()?;
        let (reaper, held) = match start_reaper(order)? {
            (Fork::Parent(reaper), held) => (reaper, held),
            (Fork::Child, _) => {
                drop((stdout, stderr, words, orders));
                let pipes = reaper::Pipes {
                    orders: obey,
                    words: say,
                    stdout: out,
                    stderr: err,
                };
                std::process::exit(reaper::main(order, folder, pipes));
            }
        };
        drop((out, err, say, obey));
        let watch = Self::attend(
            order,
            folder,
            spool,
            (reaper, held),
            [stdout, stderr, words, orders],
            measured,
        );
        if watch.is_err() {
            // Nothing of the action goes on unwatched: without its orders the reaper ends it.
            children::end_when_gone(&gone);
        }
        watch
    }

    /// Watches what has just been started.
    fn attend(
        order: &'a Order,
        folder: &'a Path,
        spool: Writer,
        (reaper, held): (Pid, Held),
        [stdout, stderr, words, orders]: [OwnedFd; 4],
        measured: TooBig,
    ) -> io::Result<Self> {
        let timeout = order.request.timeout;
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        // Whoever reads late cannot tell in which order two streams were written. Root may, others read
        // as soon as they can; the action has its priority from the reaper.
        let _ = rustix::process::setpriority_process(None, -10);
        // Not before there are two processes: each hears its own signals.
        let (signals, write) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, write)?;
        let too_big = match measured {
            Some(measured) => Some(measured),
            None => too_big::watched_by_a_thread(order, folder)?,
        };
        let too_much = usage::watch(order, reaper, &held)?;
        let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let add = |fd: &dyn AsFd, number, flags| {
            let data = epoll::EventData::new_u64(number);
            epoll::add(&events, fd.as_fd(), data, flags)
        };
        // Edges come in the order of the writes; a level would come again, before what was written to
        // the other stream in between.
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        add(&stdout, STDOUT, edges)?;
        add(&stderr, STDERR, edges)?;
        let wait_for = |fd: &dyn AsFd, number| add(fd, number, epoll::EventFlags::IN);
        wait_for(&words, WORDS)?;
        wait_for(&signals, SIGNALS)?;
        if let Some(too_big) = &too_big {
            wait_for(too_big, TOO_BIG)?;
        }
        if let Some(too_much) = &too_much {
            wait_for(too_much, TOO_MUCH)?;
        }
        if let Some(refusals) = &held.refusals {
            add(refusals, REFUSED, epoll::EventFlags::PRI)?;
        }
        Ok(Self {
            order,
            folder,
            spool,
            spool_broken: false,
            events,
            outputs: [Some(stdout), Some(stderr)],
            words,
            heard: Vec::new(),
            orders,
            signals,
            too_big,
            too_much,
            held,
            deadline,
            ending: None,
            last_words: LastWords::default(),
            ended_before: usage::ended_by_linux(),
            end: None,
            buffer: vec![0; READ],
        })
    }

    /// Until the action's first process has ended, or the reaper.
    fn until_end(&mut self) -> io::Result<()> {
        // A signal that came while its handler was being set up was heard by nobody; the word for it was
        // written before.
        if self.folder.join(STOP).exists() {
            self.terminate(Ending::by_signal(self.folder, &self.order.limits));
        }
        let mut events = Vec::with_capacity(8);
        while self.end.is_none() {
            let next = self.keep_time();
            let left = next.map(|at| at.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.events, spare, left.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            // They come in the order in which they happened.
            for event in &events {
                match event.data.u64() {
                    STDOUT => while self.take_output(0) {},
                    STDERR => while self.take_output(1) {},
                    WORDS => self.hear()?,
                    SIGNALS => self.obey_signal(),
                    TOO_MUCH => self.end_too_much(),
                    REFUSED => self.end_refused(),
                    _ => self.end_too_big(),
                }
            }
        }
        Ok(())
    }

    /// Does what is due by now, and says when something will be next.
    fn keep_time(&mut self) -> Option<Instant> {
        let now = Instant::now();
        match (&mut self.ending, self.deadline) {
            (None, Some(deadline)) if deadline <= now => {
                let timeout = self.order.request.timeout.unwrap_or_default();
                let ending = Ending::by_timeout(timeout, &self.order.limits);
                self.terminate(ending)
            }
            (None, deadline) => deadline,
            (Some(ending), _) => {
                if ending.kill_at.is_some_and(|at| at <= now) {
                    ending.kill_at = None;
                    self.kill();
                    return None;
                }
                ending.kill_at
            }
        }
    }

    /// Asks the action to end; the first reason stands. Returns when it will be ended.
    fn terminate(&mut self, ending: Ending) -> Option<Instant> {
        if self.ending.is_none() {
            self.ending = Some(ending);
            let _ = rustix::io::write(&self.orders, &[reaper::TERMINATE]);
        }
        self.ending.as_ref().and_then(|ending| ending.kill_at)
    }

    fn kill(&self) {
        let _ = rustix::io::write(&self.orders, &[reaper::KILL]);
        if let Some(group) = &self.order.cgroup {
            cgroup::kill(group);
        }
    }

    fn obey_signal(&mut self) {
        let mut bytes = [0; 16];
        let _ = rustix::io::read(&self.signals, &mut bytes);
        let ending = Ending::by_signal(self.folder, &self.order.limits);
        self.terminate(ending);
    }

    fn end_too_big(&mut self) {
        // It is told once, and stays readable.
        if let Some(too_big) = self.too_big.take() {
            let _ = epoll::delete(&self.events, &too_big);
        }
        let limits = &self.order.limits;
        let why = cause(
            CauseKind::DiskFull,
            format!(
                "the workspace has more than {} (`limits.workspace` in the worker's configuration), the \
                 build's HOME more than {} (`limits.home`), or the file named by $ICK_OUTPUTS more than {}",
                format_size(limits.workspace),
                format_size(limits.home),
                format_size(outputs::MOST)
            ),
        );
        self.terminate(Ending::at_once(why, limits));
    }

    fn end_too_much(&mut self) {
        let Some(mut too_much) = self.too_much.take() else {
            return;
        };
        let _ = epoll::delete(&self.events, &too_much);
        let why = usage::hear(&mut too_much).unwrap_or_else(|why| {
            let what = "look at what the action's processes take";
            cannot(what, &why)
        });
        self.end_by_kill(why);
    }

    fn end_refused(&mut self) {
        let refusals = self.held.refusals.as_ref();
        if refusals.is_some_and(|refusals| refusals.count() > 0) {
            self.end_by_kill(usage::refused(&self.order.limits));
        }
    }

    fn end_by_kill(&mut self, why: Cause) {
        self.terminate(Ending::by_kill(why));
        // Also when it was being ended already, in its own time.
        self.kill();
    }

    fn hear(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8192];
        let count = match rustix::io::read(&self.words, &mut bytes) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other?,
        };
        self.heard.extend_from_slice(&bytes[..count]);
        if let Some(line) = self.heard.split(|byte| *byte == b'\n').next()
            && line.len() < self.heard.len()
        {
            self.end = Some(Some(serde_json::from_slice(line)?));
        } else if count == 0 {
            self.end = Some(None);
        }
        Ok(())
    }

    /// Moves what one of the pipes has into the spool; whether there may be more. What is written later
    /// is another edge.
    fn take_output(&mut self, which: usize) -> bool {
        let Some(pipe) = &self.outputs[which] else {
            return false;
        };
        let count = match rustix::io::read(pipe, &mut self.buffer) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return true,
            Err(rustix::io::Errno::AGAIN) => return false,
            Err(_) => 0,
        };
        if count == 0 {
            let _ = epoll::delete(&self.events, pipe);
            self.outputs[which] = None;
            return false;
        }
        self.last_words.add(&self.buffer[..count]);
        let more = count == self.buffer.len();
        if self.spool_broken {
            return more;
        }
        let stream = match (&self.order.request.program, which) {
            (Program::BuiltIn { .. }, _) => Stream::Ick,
            (_, 0) => Stream::Stdout,
            _ => Stream::Stderr,
        };
        if let Err(why) = self.spool.append(stream, now(), &self.buffer[..count]) {
            self.spool_broken = true;
            let why = cannot("keep the action's output", &why);
            self.terminate(Ending::at_once(why, &self.order.limits));
        }
        more
    }

    /// Sees to it that nothing of the action is left, then takes what is still in the pipes.
    fn end_everything(&mut self) {
        self.kill();
        if !children::end_when_gone(&self.words) {
            let _ = writeln!(io::stderr(), "a process of the action does not end");
        }
        for which in [0, 1] {
            while self.take_output(which) {}
        }
    }

    fn conclude(mut self, result: &mut ActionResult) -> Result<(), Cause> {
        let succeeded = matches!(self.end, Some(Some(Word::Ended(End::Exit(0)))));
        let mut told = |line: &str| say(&mut self.spool, line);
        if self.spool_broken {
            // Nothing more can be said.
        } else if succeeded && self.ending.is_none() {
            // Before the result, so that a build that begins after this one's end finds them.
            caches::keep(self.order, &mut told);
        } else {
            caches::give_up(self.order, &mut told);
        }
        let finished = match self.spool_broken {
            true => Ok(self.spool.length()),
            false => self.spool.finish(now()),
        };
        if let Ok(length) = finished {
            result.log_length = length;
        }
        if let Some(ending) = self.ending {
            return Err(ending.cause);
        }
        finished.map_err(|why| cannot("keep the action's output", &why))?;
        if !succeeded && let Some(why) = out_of_memory(self.order, &self.held) {
            return Err(why);
        }
        match self.end.flatten() {
            Some(Word::Failed(why)) => Err(why),
            Some(Word::Ended(end)) => {
                if let End::Exit(code) = end {
                    result.exit_code = Some(code);
                }
                if let Some(mut why) = ending::of(end) {
                    if let Some(limit) = self.last_words.limit(end, &self.order.limits) {
                        why.detail.push_str(&limit);
                    }
                    let for_memory = (!self.held.memory
                        && usage::ended_by_linux() > self.ended_before)
                        .then(|| ending::for_memory(end, &why))
                        .flatten();
                    return match for_memory.or_else(|| ending::no_room(self.folder, &why)) {
                        None => Err(why),
                        Some(other) => {
                            result.exit_code = None;
                            Err(other)
                        }
                    };
                }
                if !matches!(self.order.request.program, Program::BuiltIn { .. }) {
                    result.outputs = outputs::read(self.folder)?;
                }
                Ok(())
            }
            None => Err(cause(
                CauseKind::Internal,
                "the process that started the action is gone; was it killed?",
            )),
        }
    }
}

/// Why Linux has ended the action, reaper and all, for want of memory; none when it has not.
fn out_of_memory(order: &Order, held: &Held) -> Option<Cause> {
    let group = order.cgroup.as_ref().filter(|_| held.memory)?;
    let events = MemoryEvents::of(group);
    (events.ended > 0).then(|| match events.beyond {
        0 => ending::no_memory("the action was killed"),
        _ => usage::too_much_memory(&order.limits),
    })
}

/// Writes a line of Ick's own into the log.
fn say(spool: &mut Writer, line: &str) {
    // Where there is no room for it, there is none for what the action writes either, which is told.
    let _ = spool.append(Stream::Ick, now(), format!("{line}\n").as_bytes());
}

/// A pipe for output: big, and read without waiting.
fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
    // A user's pipes have a limit in all; a small pipe does as well.
    let _ = rustix::pipe::fcntl_setpipe_size(&write, PIPE);
    Ok((read, write))
}

/// Starts the reaper in the action's control group, with what Linux holds that to, or without one.
fn start_reaper(order: &Order) -> io::Result<(Fork, Held)> {
    if let Some(path) = &order.cgroup {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if let Ok(group) = rustix::fs::open(path, flags, rustix::fs::Mode::empty()) {
            let held = Held::of(path, &order.limits);
            if let Ok(forked) = fork(Some(group.as_fd())) {
                return Ok((forked, held));
            }
        }
    }
    Ok((fork(None)?, Held::default()))
}
