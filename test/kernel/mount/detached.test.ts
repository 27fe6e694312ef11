import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'

import { DetachedMount, isMountPoint, joinLowerdirs, mount, performDetached } from 'graphdriver/mount'
import * as sys from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import { skip } from '../../skip.ts'
import { describeMounts, directories, openDescriptors } from '../namespace.ts'
import { itSince, LOWERDIR_PLUS } from '../since.ts'

describeMounts('a detached mount', (directory) => {
  it('is there for its descriptor only, and goes with it', async () => {
    const before = openDescriptors()
    const table = sys.mountinfoSync().length
    {
      await using scratch = await DetachedMount.create({
        type: 'tmpfs',
        source: 's',
        options: ['size=1m', 'nodev'],
      })
      assert.equal(scratch.path, `/proc/self/fd/${scratch.fd}`)
      fs.writeFileSync(`${scratch.path}/file`, 'x')
      assert.equal(sys.mountinfoSync().length, table)
      const { stdout } = spawnSync('cat', ['file'], { cwd: scratch.path, encoding: 'utf8' })
      assert.equal(stdout, 'x')
    }
    assert.deepEqual(openDescriptors(), before)
  })
  it('is attached as it is, and then closed', async () => {
    const { a } = directories(directory(), 'a')
    const made = await DetachedMount.create({
      type: 'tmpfs',
      source: 's',
      options: ['ro', 'noexec', 'noatime'],
    })
    await assert.rejects(made.attach(join(a, 'none')), {
      code: 'ENOENT',
      syscall: 'move_mount',
      path: join(a, 'none'),
    })
    await made.attach(a)
    const entry = sys.mountinfoSync().byMountPoint(a)
    assert.equal(entry?.options, 'ro,noexec,noatime')
    assert.match(entry.superOptions, /^ro/)
    assert.throws(() => made.fd, { code: 'EBADF' })
    await assert.rejects(made.attach(a), { code: 'EBADF' })
    await made.close()
    sys.umount2Sync(a)
  })
  it('is a copy of another, flat or with all below', async () => {
    const { a, b } = directories(directory(), 'a', 'b')
    await mount({ type: 'tmpfs', target: a })
    directories(a, 'sub')
    await mount({ type: 'tmpfs', target: join(a, 'sub') })
    fs.writeFileSync(join(a, 'sub/file'), '')
    await using flat = await DetachedMount.clone(a)
    assert.deepEqual(fs.readdirSync(`${flat.path}/sub`), [])
    await using tree = await DetachedMount.clone(a, { recursive: true })
    await tree.setAttributes({ readOnly: true, nosuid: true, recursive: true })
    assert.throws(
      () => {
        fs.writeFileSync(`${tree.path}/sub/file`, '')
      },
      { code: 'EROFS' },
    )
    await tree.setAttributes({ readOnly: false, atime: 'noatime', propagation: 'private' })
    await tree.attach(b)
    const table = sys.mountinfoSync()
    assert.equal(table.byMountPoint(b)?.options, 'rw,nosuid,noatime')
    assert.equal(table.byMountPoint(join(b, 'sub'))?.options, 'ro,nosuid,relatime')
    await using bound = await DetachedMount.create({ source: a, options: ['rbind', 'rro'] })
    assert.throws(
      () => {
        fs.writeFileSync(`${bound.path}/sub/file`, '')
      },
      { code: 'EROFS' },
    )
    fs.symlinkSync('a', join(directory(), 'link'))
    await using file = await DetachedMount.clone(join(directory(), 'link'), { nofollow: true })
    assert(fs.lstatSync(`/proc/self/fd/${file.fd}`).isSymbolicLink())
  })
  it('maps owners by a user namespace', async function () {
    const { a } = directories(directory(), 'a')
    fs.writeFileSync(join(a, 'file'), '')
    const child = spawn('unshare', ['--user', 'sh', '-c', 'echo ready; read -r line'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const gone = once(child, 'exit')
    try {
      const ready = await Promise.race([once(child.stdout, 'data'), gone.then(() => undefined)])
      if (ready === undefined) skip(this, 'needs user namespaces')
      for (const map of ['uid_map', 'gid_map']) fs.writeFileSync(`/proc/${child.pid}/${map}`, '0 100000 1000')
      const userns = fs.openSync(`/proc/${child.pid}/ns/user`, 'r')
      await using copy = await DetachedMount.clone(a)
      try {
        await copy.setAttributes({ usernsFd: userns })
      } catch (error) {
        if ((error as sys.SyscallError).code === 'EINVAL')
          skip(this, 'this tmpfs takes no mapping: needs Linux 6.3')
        throw error
      } finally {
        fs.closeSync(userns)
      }
      assert.equal(fs.statSync(`${copy.path}/file`).uid, 100_000)
      assert.equal(fs.statSync(join(a, 'file')).uid, 0)
    } finally {
      child.stdin.end()
      await gone
    }
  })
  itSince(LOWERDIR_PLUS, 'takes more layers than mount(2) has room for', async () => {
    const names = Array.from({ length: 60 }, (_, index) =>
      join(directory(), `${'long:name,'.repeat(12)}${index}`),
    )
    for (const [index, name] of names.entries()) {
      fs.mkdirSync(name)
      fs.writeFileSync(join(name, `f${index}`), '')
    }
    await using made = await DetachedMount.create({
      type: 'overlay',
      options: [`lowerdir=${joinLowerdirs(names)}`],
    })
    assert.equal(fs.readdirSync(made.path).length, 60)
  })
  it("brings the kernel's words, and leaves nothing", async () => {
    const before = openDescriptors()
    await assert.rejects(DetachedMount.create({ type: 'tmpfs', options: ['nonsense=1'] }), {
      code: 'EINVAL',
      syscall: 'fsconfig',
      detail: "tmpfs: Unknown parameter 'nonsense'",
    })
    await assert.rejects(DetachedMount.clone(join(directory(), 'none')), {
      code: 'ENOENT',
      syscall: 'open_tree',
    })
    await assert.rejects(DetachedMount.create({ type: 'tmpfs', options: ['rnosuid', 'size=x'] }), {
      code: 'EINVAL',
    })
    assert.deepEqual(openDescriptors(), before)
  })
  it('is closed when it comes too late for an abort', async () => {
    const before = openDescriptors()
    const native = binding()
    let made: Promise<unknown> | undefined
    setBinding({ ...native, newMount: (...args) => (made = native.newMount(...args)) })
    try {
      const controller = new AbortController()
      const making = DetachedMount.create({ type: 'tmpfs' }, { signal: controller.signal })
      controller.abort('enough')
      await assert.rejects(making, (reason) => reason === 'enough')
      assert.equal(typeof (await made), 'number')
      for (let left = 1000; left > 0 && openDescriptors().size !== before.size; left--) {
        await new Promise(setImmediate)
      }
      assert.deepEqual(openDescriptors(), before)
    } finally {
      setBinding(undefined)
    }
  })
  it('comes of a plan', async () => {
    const { a } = directories(directory(), 'a')
    const made = await performDetached({
      form: 'x',
      type: 'tmpfs',
      readOnly: false,
      mounts: [],
      steps: [
        { call: 'newMount', type: 'tmpfs', settings: [{ key: 'size', value: '1m' }], attributes: 0 },
        { call: 'reconfigure', settings: [{ key: 'size', value: '2m' }] },
      ],
    })
    assert.equal(await isMountPoint(a), false)
    await made.attach(a)
    assert.match(sys.mountinfoSync().byMountPoint(a)?.superOptions ?? '', /size=2048k/)
  })
})
