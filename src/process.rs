//! What this process asks of the kernel for itself: no core dumps, no tracing, enough descriptors.
//!
//! Owns the three settings, three facts (uid, boot id, host name), and the one way to end a process
//! that cannot end by itself. Memory that others could read, or that a core file keeps, would show
//! credentials. What the kernel refuses is handed back as a warning. Called by the composition.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Keeps this process's memory from others: not dumpable, and no core file. Warnings are handed
/// back.
///
/// Not dumpable means that a process of the same uid in the same PID namespace
/// (`shareProcessNamespace`) cannot read `/proc/PID/{environ,mem,maps,root}` or attach
/// (<https://man7.org/linux/man-pages/man2/ptrace.2.html>, "Ptrace access mode checking");
/// `/proc/self/fd` stays readable for the metrics.
#[must_use]
pub fn harden() -> Vec<String> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| {
        format!("other processes of this uid may read our memory: PR_SET_DUMPABLE: {error}")
    });
    let core = setrlimit(Resource::Core, none).map_err(|error| {
        format!("a crash may write our memory to a core file: RLIMIT_CORE: {error}")
    });
    [dumpable, core]
        .into_iter()
        .filter_map(Result::err)
        .collect()
}

/// Raises the soft limit of open files to the hard one; the limit in force afterwards, `u64::MAX`
/// for none.
#[must_use]
pub fn raise_nofile() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    let in_force = if raised.is_ok() {
        limit.maximum
    } else {
        limit.current
    };
    in_force.unwrap_or(u64::MAX)
}

/// The effective uid.
#[must_use]
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The kernel's id of this boot (<https://man7.org/linux/man-pages/man4/random.4.html>), or nothing
/// where `/proc` does not say (some sandboxes).
///
/// Readings of the boot clock can be compared across a restart of this process only when it is the
/// same.
#[must_use]
pub fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim_ascii();
    (!id.is_empty()).then(|| id.to_owned())
}

/// The host's name, which in a pod is the pod's; a dash where it is not text.
#[must_use]
pub fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename()
        .to_str()
        .map_or_else(|_| "-".to_owned(), str::to_owned)
}

/// Ends a process whose runtime is blocked: code 70, so that the kubelet restarts the container.
///
/// It takes no lock and writes nothing: the thread that is blocked may hold any lock, the log's
/// too, and what it is blocked by may be stderr. The code alone has to say it. At an exit the
/// standard library flushes stdout only if its lock is free, and the C library's own handlers are
/// not ours.
#[allow(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a blocked main thread returns no exit code"
)]
pub fn end_stuck() -> ! {
    std::process::exit(70)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::dumpable_behavior;

    #[test]
    fn hardening_leaves_no_way_to_dump_the_memory() {
        assert_eq!(harden(), Vec::<String>::new());
        assert_eq!(
            dumpable_behavior().expect("known"),
            DumpableBehavior::NotDumpable
        );
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        assert_eq!(harden(), Vec::<String>::new(), "twice is once");
    }

    #[test]
    fn the_soft_limit_of_files_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_nofile(), hard.unwrap_or(u64::MAX));
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }

    #[test]
    fn the_boot_id_is_one_uuid_and_stays_the_same() {
        let id = boot_id().expect("linux has one");
        assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
        assert_eq!(boot_id(), Some(id));
    }
}
