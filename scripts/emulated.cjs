// For suites on a processor that qemu-user emulates: it answers ENOSYS for system calls that it does not know, as a kernel without
// them would, and writes some files of /proc itself. A case that fails of that is skipped, and its title says of what.
const { Runnable } = require('mocha')

const ENOSYS = -38
const pattern = /ENOSYS: function not implemented,? (\w+)/

/** Cases whose failure does not tell its reason (seen with qemu 7.2). */
const known = [
  ['openat2 stays inside, and every descriptor closes on exec', 'no openat2'],
  ['mkdirat, renameat2 and unlinkat work below a descriptor', 'no openat2'],
  ['takes a name below a descriptor, and slashes at its end', 'no openat2'],
  ['statx answers what node:fs answers, and more', 'a table of mounts without mount points'],
  ['unmounts what was mounted from a directory, or moved', 'no open_tree'],
  ['openTree clones, mountSetattr makes it read-only before anybody sees it', 'no open_tree'],
  ['a hundred at once, and none left', 'one mount more, of a case that stopped halfway'],
]

/** What was missing, by whatever an error says. */
function missing(error, title) {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const texts = [cause.message, cause.stack, cause.actual?.message, ...(cause.errors ?? []).map(String)]
    const found = texts.map((text) => pattern.exec(String(text))).find((match) => match)
    if (found) return `no ${found[1]}`
    const number = cause.actual?.errno ?? cause.actual
    if (number === ENOSYS || texts[0].includes(`"errno":${ENOSYS}`)) return 'not this call'
  }
  return known.find(([case_]) => case_ === title)?.[1]
}

/** Suites in which something was skipped: what a case did not undo, their hooks may fail of. */
const halfway = new Set()

const { run } = Runnable.prototype
Runnable.prototype.run = function (done) {
  return run.call(this, (error, ...rest) => {
    if (!error) return done(error, ...rest)
    const isHook = this.type === 'hook'
    const test = isHook ? this.ctx.currentTest : this
    const what = missing(error, test?.title)
    if (!what && !(isHook && halfway.has(this.parent))) return done(error, ...rest)
    if (what && test) test.title += ` (skipped: the emulator has ${what})`
    halfway.add(this.parent)
    // A case that came through and whose end did not, came through.
    if (!isHook || what) this.pending = true
    return done()
  })
}
