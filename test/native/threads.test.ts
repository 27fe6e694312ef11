import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { constants, promises as fs } from 'node:fs'

import { skip } from '../skip.ts'
import { addonPath, AT_FDCWD, itAsRoot, itMounts, mountsBelow, native, ownThreads, scratch, until } from './support.ts'

/** Runs a script in a process of its own and answers what it printed; fails unless it ends well. */
function program(script: string): string {
  const prelude = `const native = require(${JSON.stringify(addonPath)})\n`
  const done = spawnSync(process.execPath, ['-e', prelude + script], { encoding: 'utf8', timeout: 50_000 })
  assert.equal(done.signal, null, done.stderr)
  assert.equal(done.status, 0, done.stderr)
  return done.stdout.trim()
}

describe('native: threads', () => {
  const { at, make, path } = scratch()

  it('answers the same as the sync form, in any number at once', async () => {
    const paths = Array.from({ length: 500 }, (_, index) => `/no/such/${index}`)
    const answers = await Promise.all(paths.map((path) => native.umount2(path, 0)))
    assert.deepEqual(new Set(answers), new Set([-native.errnos['ENOENT']!]))
    const rows = await Promise.all(paths.map(() => native.statx(AT_FDCWD, '/proc', 0, 0x7ff)))
    for (const row of rows) assert.ok(row instanceof BigInt64Array && row.length === 20)
  })

  it('calls of one lane that a single caller awaits one by one happen in order', async () => {
    const file = at('order')
    for (let turn = 0; turn < 50; turn++) {
      await fs.writeFile(file, String(turn))
      assert.equal(String(await native.readFile(AT_FDCWD, file, 100)), String(turn))
    }
  })

  it('calls that wait take no thread of libuv, and keep no other lane waiting', async () => {
    // Opening a fifo waits until somebody opens its other end.
    const fifo = at('fifo')
    assert.equal(native.mknodatSync(AT_FDCWD, fifo, constants.S_IFIFO | 0o600, 0, 0), 0)
    const waiting = Array.from({ length: 64 }, () => native.openat2(AT_FDCWD, fifo, constants.O_RDONLY, 0, 0))
    let opened = 0
    for (const each of waiting) void each.then(() => opened++)
    await Promise.all(Array.from({ length: 64 }, () => fs.stat('/')))
    assert.equal(await native.umount2('/no/such', 0), -native.errnos['ENOENT']!)
    assert.equal(await native.openTree(AT_FDCWD, '/no/such', 0), -native.errnos['ENOENT']!)
    assert.equal(await native.copyTree(make('from'), make('to'), 0), 0)
    assert.equal(opened, 0)
    const other = await fs.open(fifo, constants.O_RDWR)
    for (const fd of await Promise.all(waiting)) assert.equal(native.closeSync(fd), 0)
    await other.close()
  })

  it('uses few threads, and they end when they are idle', async () => {
    await Promise.all(Array.from({ length: 300 }, () => native.umount2('/no/such', 0)))
    await Promise.all(Array.from({ length: 300 }, () => native.statfs('/')))
    assert.ok(ownThreads() <= 16 + 4 + 4 + 64)
    await until('idle threads end', () => ownThreads() === 0)
    assert.equal(await native.umount2('/no/such', 0), -native.errnos['ENOENT']!)
  })

  it('a process ends by itself while threads are idle', () => {
    const script = `native.statfs('/').then((row) => console.log(row.length))`
    assert.equal(program(script), '11')
  })

  it('a process stays alive until its jobs are done, and no longer', () => {
    const script = `
      let left = 40
      for (let i = 0; i < 40; i++) native.umount2('/no/such', 0).then(() => { left-- })
      process.on('exit', () => console.log(left))`
    assert.equal(program(script), '0')
  })

  it('a process may exit with jobs under way', () => {
    const script = `
      for (let i = 0; i < 500; i++) { native.mountinfo(null); native.umount2('/no/such', 0) }
      process.exit(0)`
    for (let turn = 0; turn < 5; turn++) assert.equal(program(script), '')
  })

  it('promises settle in batches, microtasks and ticks as for any other callback', () => {
    const script = `
      const order = []
      native.close(-1).then(() => {
        order.push('then')
        process.nextTick(() => order.push('tick'))
        queueMicrotask(() => order.push('microtask'))
        setImmediate(() => console.log(order.join(' ')))
      })`
    assert.equal(program(script), 'then microtask tick')
  })

  it('an error thrown after an await reaches unhandledRejection, as always', () => {
    const script = `
      process.on('unhandledRejection', (error) => console.log(error.message))
      native.close(-1).then(() => { throw new Error('mine') })`
    assert.equal(program(script), 'mine')
  })

  it('can be loaded twice in one environment', () => {
    const script = `
      delete require.cache[require.resolve(${JSON.stringify(addonPath)})]
      const again = require(${JSON.stringify(addonPath)})
      Promise.all([native.close(-1), again.close(-1)]).then((both) => console.log(both.join()))`
    assert.equal(program(script), '-9,-9')
  })

  itAsRoot('the threads lose their privileges with the process', () => {
    const script = `
      const file = ${JSON.stringify(at('secret'))}
      require('node:fs').writeFileSync(file, 'x', { mode: 0o600 })
      native.readFile(-100, file, 10).then(async (content) => {
        process.setgid(65534)
        process.setuid(65534)
        console.log(String(content), await native.readFile(-100, file, 10))
      })`
    assert.equal(program(script), `x ${-native.errnos['EACCES']!}`)
  })

  itAsRoot('without a thread to be had the answer is EAGAIN', function () {
    if (spawnSync('prlimit', ['--version']).status !== 0) skip(this, 'prlimit of util-linux is missing')
    const script = `
      const { execFileSync } = require('node:child_process')
      execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:'])
      process.setuid(65534)
      native.openat2(-100, '/', 0, 0, 0).then(async (refused) => {
        const all = await Promise.all(Array.from({ length: 10 }, () => native.close(-1)))
        console.log(refused, [...new Set(all)].join(), native.closeSync(-1))
      })`
    const { EAGAIN, EBADF } = native.errnos
    assert.equal(program(script), `${-EAGAIN!} ${-EAGAIN!} ${-EBADF!}`)
  })

  itMounts('a process that exits with mounts under way leaves none', () => {
    const targets = Array.from({ length: 60 }, (_, index) => make(`exit/${index}`))
    const script = `
      for (const target of ${JSON.stringify(targets)}) native.mount('none', target, 'tmpfs', 0, null)
      const until = Date.now() + Number(process.argv[1] ?? 0)
      while (Date.now() < until) {}
      process.exit(0)`
    for (let turn = 0; turn < 6; turn++) {
      assert.equal(program(script.replace('process.argv[1] ?? 0', String(turn))), '')
      assert.equal(mountsBelow(path), 0)
    }
  })
})
