import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SyscallError } from 'graphdriver'
import { explainOverlay } from '#lib/drivers/overlay/explain.js'
import { planOverlay } from '#lib/drivers/overlay/plan.js'
import { idsOf, modern, stackOf } from './stacks.ts'

describe('why an overlay could not be mounted', () => {
  let root = ''
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'explain-'))
    for (const path of ['diff/c', 'diff/b', 'diff/a', 'work/c']) {
      await mkdir(join(root, path), { recursive: true })
    }
  })
  afterEach(() => rm(root, { recursive: true }))

  async function explain(code: string, ids = ['c', 'b', 'a'], label?: string): Promise<string> {
    const stack = stackOf(root, ids)
    const mount = { readOnly: false, ...(label === undefined ? {} : { label }) }
    const plan = planOverlay(stack, mount, {}, 'trusted', modern)!
    return explainOverlay(new SyscallError(code, 'mount', { path: stack.layer.target }), plan, stack)
  }

  it('EPERM: who may mount', async () => {
    assert.match(await explain('EPERM'), /CAP_SYS_ADMIN/)
  })

  it('a layer that is missing, by its path', async () => {
    await rmdir(join(root, 'diff/a'))
    assert.equal(await explain('ENOENT'), `${root}/diff/a cannot be used: ENOENT`)
  })

  it('a layer that is no directory, by its path', async () => {
    await rmdir(join(root, 'diff/b'))
    await writeFile(join(root, 'diff/b'), '')
    assert.equal(await explain('ENOTDIR'), `${root}/diff/b is no directory`)
  })

  it('a work directory that is missing', async () => {
    await rmdir(join(root, 'work/c'))
    assert.match(await explain('ENOENT'), /work\/c cannot be used: ENOENT/)
  })

  it('more layers than the kernel takes', async () => {
    const ids = ['c', ...idsOf(501)]
    for (const id of ids) await mkdir(join(root, 'diff', id), { recursive: true })
    assert.match(await explain('EINVAL', ids), /501 lower directories, and the kernel takes 500/)
  })

  it('a layer that is there twice', async () => {
    assert.match(await explain('ELOOP', ['c', 'b', 'a', 'b']), /diff\/b is there twice/)
    assert.match(await explain('ELOOP', ['c', 'b', 'c']), /diff\/c is there twice/)
  })

  it('an upper directory that another overlay has', async () => {
    assert.match(await explain('EBUSY'), /diff\/c or .*work\/c is in use by another overlay/)
  })

  it('an upper directory whose index knows other layers', async () => {
    assert.match(await explain('ESTALE'), /index/)
  })

  it('a work directory of a volatile mount', async () => {
    await mkdir(join(root, 'work/c/work/incompat/volatile'), { recursive: true })
    assert.match(await explain('EINVAL'), /volatile/)
  })

  it('a mount label', async () => {
    assert.match(await explain('EINVAL', ['c', 'b', 'a'], 'some:label'), /SELinux/)
  })

  it('nothing found: what was ruled out', async () => {
    const words = await explain('EINVAL')
    assert.match(words, /all 2 lower directories exist/)
    assert.match(words, /\d+ bytes of options/)
  })
})
