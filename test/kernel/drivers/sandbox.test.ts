import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { skip } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { runScript } from './support.ts'

// What a container's runtime does with layers, from the first to the last.
const mainJob = `
  import { rmSync, writeFileSync, readdirSync } from 'node:fs'
  import { open } from 'graphdriver'
  const [driver, root] = process.argv.slice(1)
  const graph = await open({ root, driver })
  await graph.create('base')
  writeFileSync((await graph.get('base')) + '/lower', 'lower')
  await graph.put('base')
  await graph.create('top', { parent: 'base' })
  const path = await graph.get('top')
  rmSync(path + '/lower')
  writeFileSync(path + '/upper', 'upper')
  const view = await graph.use('top', { readOnly: true })
  let refusal
  try { writeFileSync(view.path + '/more', '') } catch (error) { refusal = error.code }
  const seen = readdirSync(view.path)
  await view.release()
  await graph.put('top')
  const tar = await Array.fromAsync?.(await graph.diff('top')) ?? []
  if (tar.length === 0) for await (const block of await graph.diff('top')) tar.push(block)
  await graph.create('copy', { parent: 'base', from: (async function* () { yield* tar })() })
  const changes = await graph.changes('copy')
  await graph.flatten('copy', 'flat')
  const flat = readdirSync(await graph.get('flat'))
  await graph.put('flat')
  if (process.argv[3] !== 'no-proc') for (const id of ['copy', 'top', 'flat', 'base']) await graph.remove(id)
  await graph.close()
  console.log(JSON.stringify({ seen, refusal, changes: changes.map(({ kind, path }) => kind + ' ' + path), flat }))
`

const done = {
  seen: ['upper'],
  refusal: 'EROFS',
  changes: ['deleted /lower', 'added /upper'],
  flat: ['upper'],
}

const newMounts = ['open_tree', 'move_mount', 'fsopen', 'fsconfig', 'fsmount', 'fspick', 'mount_setattr']
const everything = [...newMounts, 'openat2', 'statmount', 'listmount']

/** Whether the kernel takes the filter; it is a choice when one is built. */
function filters([sandbox, ...words]: readonly string[]): boolean {
  return spawnSync(sandbox!, [...words, 'true']).status === 0
}

describeMounts('a sandbox', function (directory) {
  this.timeout(60_000)
  let sandbox = ''

  beforeEach(() => {
    sandbox = join(directory(), 'sandbox')
    execFileSync('cc', ['-O1', '-o', sandbox, join(import.meta.dirname, 'sandbox.c')], { stdio: 'pipe' })
  })

  // Covered, not unmounted: what lies below may be the /proc of another machine (9p).
  const cover = 'mount -t tmpfs none /proc && exec "$@"'
  const without = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', cover, 'sh']

  for (const driver of ['overlay', 'vfs']) {
    for (const [code, calls, title] of [
      ['EPERM', newMounts, 'a filter that refuses the newer mount calls'],
      ['EPERM', ['mount_setattr'], 'a filter that refuses mount_setattr'],
      ['EPERM', ['openat2'], 'a filter that refuses openat2'],
      ['ENOSYS', everything, 'a kernel, or a filter, that knows no newer call'],
    ] as const) {
      it(`${driver} does its work under ${title}`, async function () {
        const words = [sandbox, String(constants.errno[code]), calls.join(',')]
        if (!filters(words)) skip(this, 'this kernel has no seccomp filters')
        const { status, output } = await runScript(words, mainJob, driver, join(directory(), 'store'))
        assert.equal(status, 0)
        assert.deepEqual(JSON.parse(output), done)
      })
    }

    it(`${driver} does its work without /proc, but for removals, which need the mount table`, async () => {
      const { status, output } = await runScript(
        without,
        mainJob,
        driver,
        join(directory(), 'store'),
        'no-proc',
      )
      assert.equal(status, 0)
      assert.deepEqual(JSON.parse(output), done)
    })
  }

  it('without /proc a removal is refused, and the reason said', async () => {
    const script = `
      import { open } from 'graphdriver'
      const graph = await open({ root: process.argv[1], driver: 'vfs' })
      await graph.create('base')
      const error = await graph.remove('base').catch((error) => error)
      console.log(error.code, error.detail, await graph.exists('base'))
    `
    const { status, output } = await runScript(without, script, join(directory(), 'store'))
    assert.equal(status, 0)
    assert.equal(output, 'ENOENT the mount table is in /proc, which has to be mounted true')
  })
})
