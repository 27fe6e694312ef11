// Every kind of work that the addon does on threads of its own, begun at random and left alone: for tests that end a thread, or
// start a process, while it is under way. Nothing here waits in Node's own thread pool.

const LIMITS = new Uint8Array(new BigUint64Array(9).fill(1n << 40n).buffer)
const listOf = (path) => Buffer.from(`${path}\0`)

function picker(random) {
  return (list) => list[Math.floor(random() * list.length)]
}

/** Work of many calls, one after the other, that owns nothing: whoever is ended in the middle leaves nothing. */
function chains(native, places, random) {
  const pick = picker(random)
  const { descriptors } = places
  return {
    async pack() {
      const job = native.packTreeSync(descriptors.tree, -1, 0, 0)
      while ((await native.packNext(job)) instanceof Uint8Array);
    },
    async packDifference() {
      const job = native.packDifferenceSync(listOf(places.tree), listOf(places.empty), 0, 0)
      while ((await native.packNext(job)) instanceof Uint8Array);
    },
    packInto() {
      const job = native.packDifferenceSync(listOf(places.tree), listOf(places.empty), 0, 0)
      return native.packInto(job, descriptors.sink)
    },
    async unpack() {
      const job = native.unpackStartSync(pick(descriptors.targets), 0, LIMITS, 1n, false, new Uint8Array())
      const tar = await native.readFile(-100, places.tar, 1e7)
      for (let at = 0; at < tar.length; at += 4096) {
        if (native.unpackPutSync(job, tar.subarray(at, at + 4096)) > 65536) await native.unpackRoom(job)
      }
      if (random() < 0.5) native.unpackCancelSync(job)
      await native.unpackEnd(job)
    },
    changes() {
      const views = native.viewsOfSync(listOf(places.tree), listOf(places.empty), 0, 1)
      return Promise.all([native.viewChanges(views), native.viewLayerSize(views)])
    },
    async copy() {
      const to = pick(places.copies)
      await native.copyTree(places.tree, to, 0)
      await native.removeTree(-100, to)
      native.mkdiratSync(-100, to, 0o755)
    },
    async lock() {
      for (const type of [0, 1, 2]) await native.setLock(descriptors.lock, type, 0, 1)
      await native.getLock(descriptors.lock, 1, 0, 1)
    },
    async look() {
      await Promise.all([native.mountinfo(null), native.statx(-100, '/', 0, 0xfff), native.listxattr(places.tree, true)])
    },
  }
}

/** Work that makes something and takes it away. */
function owners(native, places, random) {
  const pick = picker(random)
  const words = Buffer.from('size\x0064k\x00')
  // Two that look at once may mean the same mount of several: who comes second is refused, and looks again. But a detached mount takes
  // with it what somebody mounted on it meanwhile (umount2(2), MNT_DETACH): then there is none left.
  const unmounted = async (target) => {
    while ((await native.umount2(target, 2)) !== 0 && native.isMountRootSync(target, 0) === 1);
  }
  const closing = async (answer) => {
    const fd = await answer
    if (typeof fd === 'number' && fd >= 0) native.closeSync(fd)
  }
  const file = { open: () => closing(native.openat2(-100, '/', 0x210000, 0, 0)) }
  if (!places.mayMount) return file
  return {
    ...file,
    async mount() {
      const target = pick(places.mounts)
      if ((await native.mount('none', target, 'tmpfs', 0, 'size=64k')) === 0) await unmounted(target)
    },
    async mountAt() {
      const target = pick(places.mounts)
      if ((await native.mountAt('/', 'none', target, 'tmpfs', 0, null)) === 0) await unmounted(target)
    },
    openTree: () => closing(native.openTree(-100, '/', 1)),
    newMount: () => closing(native.newMount('tmpfs', new Int32Array([1, 0]), words, 0, 0)),
  }
}

/** Begins one piece of any work; answers when it has ended, however that was. */
export function beginAny(native, places, random) {
  const kinds = Object.values({ ...chains(native, places, random), ...owners(native, places, random) })
  return () => picker(random)(kinds)()
}

/** Goes on working, until the thread is ended at any moment. */
export function workOn(native, places, random) {
  const kinds = Object.values(chains(native, places, random))
  const again = () => picker(random)(kinds)().then(again)
  for (let each = 0; each < 6; each++) again()
}

/** Begins much that makes something, and never gets to the answers. */
export function abandon(native, places, random) {
  const all = { ...chains(native, places, random), ...owners(native, places, random) }
  for (let each = 0; each < 30; each++) picker(random)(Object.values(all))()
}
