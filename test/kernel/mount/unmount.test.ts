import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'

import { holders, isMountPoint, mount, unmount, unmountTree } from 'graphdriver/mount'
import type { Holder } from 'graphdriver/mount'
import * as sys from 'graphdriver/sys'
import { describeMounts, directories } from '../namespace.ts'

const once1 = { tries: 1, delayMs: 0 }

describeMounts('unmounting', (directory) => {
  let children: ChildProcess[] = []

  /** Starts a shell that says when it is ready, and then waits for its input to end. */
  async function shell(
    command: string,
    options: { cwd?: string; before?: string[] } = {},
  ): Promise<ChildProcess> {
    const [first, ...rest] = [...(options.before ?? []), 'sh', '-c', `${command}; echo ready; read -r line`]
    const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'inherit'], cwd: options.cwd })
    children.push(child)
    const [text] = (await once(child.stdout, 'data')) as [Buffer]
    assert.equal(text.toString(), 'ready\n')
    return child
  }
  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.stdin!.end()
    await once(child, 'exit')
  }
  afterEach(async () => {
    await Promise.all(children.map(end))
    children = []
  })

  it('takes down what is mounted, and says what is not', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', target: a })
    await unmount(a)
    await assert.rejects(unmount(a), { code: 'EINVAL', path: a, detail: 'not a mount point' })
    await assert.rejects(unmount(join(a, 'x')), { code: 'ENOENT' })
    fs.symlinkSync('a', join(directory(), 'link'))
    await mount({ type: 'tmpfs', target: a })
    await assert.rejects(unmount(join(directory(), 'link')), { code: 'EINVAL' })
    await unmount(join(directory(), 'link'), { nofollow: false })
    assert.equal(await isMountPoint(a), false)
  })
  it('names who holds a mount, and goes once it is let go', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', target: a })
    directories(a, 'sub')
    const child = await shell(':', { cwd: join(a, 'sub') })
    await assert.rejects(unmount(a, { patience: { tries: 2, delayMs: 1 } }), {
      code: 'EBUSY',
      syscall: 'umount2',
      path: a,
      detail: `held by ${child.pid} (sh): cwd ${a}/sub`,
    })
    await end(child)
    await unmount(a)
  })
  it('has patience with a file that is just being closed', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', target: a })
    const fd = fs.openSync(a, 'r')
    const unmounting = unmount(a, { patience: { tries: 100, delayMs: 10 } })
    setTimeout(() => {
      fs.closeSync(fd)
    }, 20)
    await unmounting
    assert.equal(await isMountPoint(a), false)
  })
  it('names the mounts below', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', target: a })
    directories(a, 'b')
    await mount({ type: 'tmpfs', target: join(a, 'b') })
    await assert.rejects(unmount(a, { patience: once1 }), { code: 'EBUSY', detail: `mounted below: ${a}/b` })
  })
  it('detaches when it is asked to', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', target: a })
    const fd = fs.openSync(a, 'r')
    await unmount(a, { detach: true })
    assert.equal(await isMountPoint(a), false)
    fs.closeSync(fd)
  })

  describe('holders', () => {
    const kinds = (found: Holder[], pid: number | undefined): string[] =>
      found.filter((holder) => holder.pid === pid).map(({ kind, path }) => `${kind} ${path}`)

    it("finds each kind of hold, and nobody else's", async () => {
      const { a } = directories(directory(), 'a')
      await mount({ type: 'tmpfs', target: a })
      fs.writeFileSync(join(a, 'file'), '')
      assert.deepEqual(await holders(a), [])
      const reader = await shell('exec 3<file', { cwd: a })
      const elsewhere = await shell(`exec 3<${a}/file`)
      fs.copyFileSync(process.execPath, join(a, 'node'))
      const program = spawn(join(a, 'node'), ['-e', 'process.stdin.resume();console.log("ready")'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      children.push(program)
      await once(program.stdout, 'data')
      const found = await holders(join(a, 'file'))
      assert.deepEqual(kinds(found, reader.pid).sort(), [`cwd ${a}`, `fd ${a}/file`])
      assert.deepEqual(kinds(found, elsewhere.pid), [`fd ${a}/file`])
      assert.deepEqual(kinds(found, program.pid), [`exe ${a}/node`])
      assert.deepEqual(
        new Set(found.map(({ pid }) => pid)),
        new Set([reader.pid, elsewhere.pid, program.pid]),
      )
    })
    it('tells two mounts of one filesystem apart', async () => {
      const { a, b } = directories(directory(), 'a', 'b')
      await mount({ type: 'tmpfs', target: a })
      await mount({ source: a, target: b, options: ['bind'] })
      const child = await shell(':', { cwd: b })
      assert.deepEqual(kinds(await holders(b), child.pid), [`cwd ${b}`])
      assert.deepEqual(await holders(a), [])
    })
    it('finds a copy in another namespace, and no other mount of the same filesystem', async () => {
      const { a, b } = directories(directory(), 'a', 'b')
      await mount({ type: 'tmpfs', target: a })
      directories(a, 'sub')
      await mount({ source: join(a, 'sub'), target: b, options: ['bind'] })
      const before = ['unshare', '--mount', '--propagation', 'private']
      const child = await shell(`cd ${a}`, { before })
      const found = await holders(a)
      assert.deepEqual(kinds(found, child.pid), [`namespace ${a}`, `cwd ${a}`])
    })
  })

  describe('unmountTree', () => {
    it('takes everything below first, whatever lies on what', async () => {
      const { a, ab } = directories(directory(), 'a', 'ab')
      await mount({ type: 'tmpfs', target: a })
      await mount({ type: 'tmpfs', target: ab })
      directories(a, 'b/c', 'b', 'd e')
      await mount({ type: 'tmpfs', target: join(a, 'b') })
      directories(join(a, 'b'), 'c')
      await mount({ type: 'tmpfs', target: join(a, 'b/c') })
      await mount({ type: 'tmpfs', target: join(a, 'b/c') })
      await mount({ type: 'tmpfs', target: join(a, 'd e') })
      const done = await unmountTree(a)
      assert.deepEqual(done, [`${a}/d e`, `${a}/b/c`, `${a}/b/c`, `${a}/b`, a])
      assert.equal(await isMountPoint(a), false)
      assert.equal(await isMountPoint(ab), true)
      assert.deepEqual(await unmountTree(a), [])
    })
    it('takes mounts that a later one hides', async () => {
      const { a } = directories(directory(), 'a')
      directories(a, 'b')
      await mount({ type: 'tmpfs', target: join(a, 'b') })
      await mount({ type: 'tmpfs', target: a })
      const done = await unmountTree(a)
      assert.deepEqual(done, [a, `${a}/b`])
    })
    it('takes what is below a directory that is no mount point itself, also by a link', async () => {
      directories(directory(), 'x/a', 'x/b')
      await mount({ type: 'tmpfs', target: join(directory(), 'x/a') })
      await mount({ type: 'tmpfs', target: join(directory(), 'x/b') })
      fs.symlinkSync('x', join(directory(), 'link'))
      assert.equal((await unmountTree(join(directory(), 'link'))).length, 2)
    })
    it('detaches whole trees at one time', async () => {
      const { a } = directories(directory(), 'a')
      await mount({ type: 'tmpfs', target: a })
      directories(a, 'b')
      await mount({ type: 'tmpfs', target: join(a, 'b') })
      const child = await shell(':', { cwd: join(a, 'b') })
      await assert.rejects(unmountTree(a, { patience: once1 }), { code: 'EBUSY' })
      assert.deepEqual(await unmountTree(a, { detach: true }), [a])
      await end(child)
    })
    it('takes names that are no UTF-8', async () => {
      const strange = Buffer.concat([Buffer.from(`${directory()}/`), Buffer.from([0xff])])
      fs.mkdirSync(strange)
      sys.mountSync('t', strange, 'tmpfs')
      assert.equal((await unmountTree(directory())).length, 2)
      sys.mountSync('t', directory(), 'tmpfs')
    })
  })
})
