"""A disk that loses what was not synced: a file system in memory, with switches in its root that are thrown by reading.

`full` leaves no room for files to grow, until `roomy` does. `power-cut` is the cut: every file goes back to what its last sync made durable, except
that of the pages written since some survive, as the seed has it: none, all, or each by chance, so that files are torn.
Names (creating, renaming, removing) become durable in their order, with the next sync of anything, as a journal writes
them; what no sync followed is undone. Whoever writes must be dead by then: there is no disk that only pauses.
"""

import errno
import os
import random
import stat
import sys
import time

from fuse import FUSE, FuseOSError, Operations, fuse_get_context

PAGE = 4096
SWITCHES = ("/power-cut", "/full", "/roomy")


class Node:
    """A file, a folder, a link or a socket."""

    def __init__(self, mode):
        self.mode, self.uid, self.gid = mode, 0, 0
        self.links, self.mtime = 0, time.time()
        self.content = bytearray()
        self.entries = {}
        self.sync()

    def touch(self, start, end):
        """Remembers what is about to be overwritten."""
        if self.durable_size is None:
            self.durable_size = len(self.content)
        for page in range(start // PAGE, -(-end // PAGE)):
            if page not in self.before:
                self.before[page] = bytes(self.content[page * PAGE:(page + 1) * PAGE])
        self.mtime = time.time()

    def write(self, data, offset):
        self.touch(min(offset, len(self.content)), offset + len(data))
        if offset > len(self.content):
            self.content.extend(bytes(offset - len(self.content)))
        self.content[offset:offset + len(data)] = data

    def truncate(self, length):
        self.touch(min(length, len(self.content)), max(length, len(self.content)))
        if length < len(self.content):
            self.is_shorter = True
            del self.content[length:]
        else:
            self.content.extend(bytes(length - len(self.content)))

    def sync(self):
        # What was durable of the pages written since, and how long the file was; none when nothing was written.
        self.before, self.durable_size, self.is_shorter = {}, None, False

    def cut(self, chance):
        """Loses what was written since the last sync, or a part of it. Returns how many pages."""
        if self.durable_size is None:
            return 0
        # Cutting a file off is one entry of the journal: it happened, or it did not.
        torn = [] if self.is_shorter else [lambda: chance.random() < 0.5]
        survives = chance.choice([lambda: False, lambda: True, *torn])
        lost = 0
        if self.is_shorter and survives():
            self.sync()
            return 0
        size = self.durable_size
        for page, before in self.before.items():
            start = page * PAGE
            now = self.content[start:start + PAGE]
            if survives():
                size = max(size, start + len(now))
            else:
                lost += 1
                end = start + len(before)
                if len(self.content) < end:
                    self.content.extend(bytes(end - len(self.content)))
                self.content[start:start + max(len(before), len(now))] = before.ljust(len(now), b"\0")
        if len(self.content) < size:
            self.content.extend(bytes(size - len(self.content)))
        del self.content[size:]
        self.sync()
        return lost


class Disk(Operations):
    def __init__(self, seed):
        self.root = Node(stat.S_IFDIR | 0o777)
        self.chance = random.Random(seed)
        self.open_files = {}
        self.next_handle = 1
        # How to undo what was done to names since the last sync, in the order in which it was done.
        self.undo = []
        self.cuts = 0
        self.is_full = False

    # Names.

    def find(self, path):
        node = self.root
        for name in filter(None, path.split("/")):
            node = node.entries.get(name)
            if node is None:
                raise FuseOSError(errno.ENOENT)
        return node

    def parent(self, path):
        folder, _, name = path.rpartition("/")
        return self.find(folder), name

    def set(self, folder, name, node):
        """Puts a node under a name, or takes the name away."""
        had = folder.entries.get(name)
        self.undo.append((folder, name, had))
        self.put(folder, name, node)

    @staticmethod
    def put(folder, name, node):
        had = folder.entries.pop(name, None)
        if had is not None:
            had.links -= 1
        if node is not None:
            folder.entries[name] = node
            node.links += 1

    def make(self, path, mode):
        self.need_room()
        folder, name = self.parent(path)
        node = Node(mode)
        node.uid, node.gid, _ = fuse_get_context()
        self.set(folder, name, node)
        return node

    def handle(self, node):
        self.next_handle += 1
        self.open_files[self.next_handle] = node
        return self.next_handle

    def create(self, path, mode, fi=None):
        return self.handle(self.make(path, stat.S_IFREG | (mode & 0o7777)))

    def open(self, path, flags):
        if path in SWITCHES:
            node = Node(stat.S_IFREG)
            node.content = bytearray(self.throw(path).encode())
            return self.handle(node)
        node = self.find(path)
        if flags & os.O_TRUNC:
            node.truncate(0)
        return self.handle(node)

    def mkdir(self, path, mode):
        self.make(path, stat.S_IFDIR | (mode & 0o7777))

    def mknod(self, path, mode, dev):
        self.make(path, mode)

    def symlink(self, target, source):
        self.make(target, stat.S_IFLNK | 0o777).content = bytearray(source.encode())

    def readlink(self, path):
        return self.find(path).content.decode()

    def link(self, target, source):
        folder, name = self.parent(target)
        self.set(folder, name, self.find(source))

    def unlink(self, path):
        folder, name = self.parent(path)
        self.find(path)
        self.set(folder, name, None)

    def rmdir(self, path):
        if self.find(path).entries:
            raise FuseOSError(errno.ENOTEMPTY)
        self.unlink(path)

    def rename(self, old, new):
        node = self.find(old)
        folder, name = self.parent(new)
        if folder.entries.get(name) is node:
            return
        self.set(folder, name, node)
        self.set(*self.parent(old), None)

    def readdir(self, path, fh):
        return [".", "..", *self.find(path).entries]

    # Attributes, which nobody relies on after a cut.

    def getattr(self, path, fh=None):
        if path in SWITCHES:
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": PAGE}
        node = self.open_files[fh] if fh in self.open_files else self.find(path)
        return {"st_mode": node.mode, "st_nlink": max(node.links, 1), "st_size": len(node.content),
                "st_blocks": -(-len(node.content) // 512), "st_uid": node.uid, "st_gid": node.gid,
                "st_mtime": node.mtime, "st_ctime": node.mtime, "st_atime": node.mtime}

    def chmod(self, path, mode):
        node = self.find(path)
        node.mode = stat.S_IFMT(node.mode) | (mode & 0o7777)

    def chown(self, path, uid, gid):
        node = self.find(path)
        node.uid, node.gid = [had if new == -1 else new for had, new in ((node.uid, uid), (node.gid, gid))]

    def utimens(self, path, times=None):
        self.find(path).mtime = times[1] if times else time.time()

    def statfs(self, path):
        return {"f_bsize": PAGE, "f_frsize": PAGE, "f_blocks": 1 << 22, "f_bfree": 1 << 21, "f_bavail": 1 << 21}

    # Content.

    def read(self, path, size, offset, fh):
        return bytes(self.open_files[fh].content[offset:offset + size])

    def write(self, path, data, offset, fh):
        node = self.open_files[fh]
        if offset + len(data) > len(node.content):
            self.need_room()
        node.write(data, offset)
        return len(data)

    def need_room(self):
        if self.is_full:
            raise FuseOSError(errno.ENOSPC)

    def truncate(self, path, length, fh=None):
        (self.open_files[fh] if fh in self.open_files else self.find(path)).truncate(length)

    def fsync(self, path, datasync, fh):
        self.open_files[fh].sync()
        self.undo.clear()

    def fsyncdir(self, path, datasync, fh):
        self.undo.clear()

    def flush(self, path, fh):
        # Closing is not syncing.
        pass

    def release(self, path, fh):
        self.open_files.pop(fh, None)

    # The switches.

    def throw(self, switch):
        if switch == "/power-cut":
            return self.cut_power()
        self.is_full = switch == "/full"
        return f"the disk is {switch[1:]}\n"

    def cut_power(self):
        self.cuts += 1
        names = len(self.undo)
        for folder, name, had in reversed(self.undo):
            self.put(folder, name, had)
        self.undo.clear()
        pages = sum(node.cut(self.chance) for node in self.files(self.root))
        return f"cut {self.cuts}: {pages} pages and {names} names were lost\n"

    def files(self, folder):
        for node in folder.entries.values():
            yield from self.files(node) if node.entries else [node]


if __name__ == "__main__":
    mount_point, seed = sys.argv[1:]
    FUSE(Disk(seed), mount_point, foreground=True, nothreads=True, allow_other=True, big_writes=True,
         attr_timeout=0, entry_timeout=0, negative_timeout=0)
