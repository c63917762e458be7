"""A FUSE file system over a folder that stops answering or fails: hanging_fs.py FOLDER MOUNT FLAG.

While the file FLAG exists no call returns, as on NFS without its server, for two minutes at most. While FLAG.dead exists
each call fails, as on a disk without its cable; a write beyond the first megabyte of a file makes FLAG.dying into FLAG.dead.
FLAG.armed has a name of a call, a pattern of its path and a number: that one of these calls, counted from 1, makes FLAG,
and hangs as all after it. FLAG.calls lists the calls while FLAG.listed exists. Nothing is cached, so that the kernel passes
on each call. Needs python3-fusepy.
"""
import errno
import fnmatch
import os
import sys
import time

from fusepy import FUSE, FuseOSError, Operations

folder, mount, flag = sys.argv[1:4]
STAT = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid")
SPACE = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")


def below(path):
    return folder + path


class HangingFolder(Operations):
    armed = None
    seen = 0

    def arm(self, name, path):
        """Makes FLAG at the chosen call."""
        if os.path.exists(flag + ".listed"):
            with open(flag + ".calls", "a") as calls:
                calls.write(f"{name} {path}\n")
        try:
            with open(flag + ".armed") as file:
                armed = file.read().split()
        except FileNotFoundError:
            self.armed = None
            return
        if armed != self.armed:
            self.armed, self.seen = armed, 0
        if name == armed[0] and fnmatch.fnmatch(path, armed[1]):
            self.seen += 1
            if self.seen == int(armed[2]):
                os.remove(flag + ".armed")
                open(flag, "w").close()

    def __call__(self, name, *arguments):
        self.arm(name, str(arguments[0]) if arguments else "")
        # No signal ends a program that waits here, so that an endless wait would outlast the test.
        until = time.monotonic() + 120
        while os.path.exists(flag) and time.monotonic() < until:
            time.sleep(0.05)
        if name == "write" and arguments[2] > 1 << 20 and os.path.exists(flag + ".dying"):
            os.rename(flag + ".dying", flag + ".dead")
        if os.path.exists(flag + ".dead"):
            raise FuseOSError(errno.EIO)
        try:
            return super().__call__(name, *arguments)
        except FuseOSError:
            raise
        except OSError as error:
            raise FuseOSError(error.errno) from error

    def getattr(self, path, fh=None):
        found = os.lstat(below(path))
        return {name: getattr(found, name) for name in STAT}

    def statfs(self, path):
        found = os.statvfs(below(path))
        return {name: getattr(found, name) for name in SPACE}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(below(path))]

    def mkdir(self, path, mode):
        os.mkdir(below(path), mode)

    def rmdir(self, path):
        os.rmdir(below(path))

    def unlink(self, path):
        os.unlink(below(path))

    def rename(self, old, new):
        os.rename(below(old), below(new))

    def chmod(self, path, mode):
        os.chmod(below(path), mode)

    def chown(self, path, uid, gid):
        os.chown(below(path), uid, gid)

    def utimens(self, path, times=None):
        os.utime(below(path), times)

    def truncate(self, path, length, fh=None):
        os.truncate(below(path), length)

    def open(self, path, flags):
        return os.open(below(path), flags)

    def create(self, path, mode, fi=None):
        return os.open(below(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def release(self, path, fh):
        os.close(fh)


FUSE(HangingFolder(), mount, foreground=True, attr_timeout=0, entry_timeout=0, negative_timeout=0)
