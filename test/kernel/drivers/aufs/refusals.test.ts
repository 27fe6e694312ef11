import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { perform } from 'graphdriver/mount'
import {
  aufsBranches,
  aufsUnions,
  mountSync,
  MS_BIND,
  MS_RDONLY,
  MS_REMOUNT,
  SyscallError,
} from 'graphdriver/sys'
import { explainAufs } from '#lib/drivers/aufs/explain.js'
import { planAufs, type AufsPlan } from '#lib/drivers/aufs/plan.js'
import { makePlace, refusals } from '../../../fake-aufs/refusals.ts'
import { runScript } from '../support.ts'
import { describeAufs } from './machine.ts'

describeAufs('a mount that aufs refuses', (directory) => {
  const at = (...names: string[]): string => join(directory(), ...names)

  interface More {
    readonly label?: string | undefined
    /** A word that no option of the driver stands for. */
    readonly extra?: string
  }

  function planOf(paths: readonly string[], xino: string, { label, extra }: More = {}): AufsPlan {
    const layer = (diff: string) => ({ id: diff, diff, target: at('union'), own: (name: string) => at(name) })
    const [own = '', ...lowers] = paths
    const stack = { layer: layer(own), ancestors: lowers.map(layer), lowers }
    const features = { pageSize: 4096, fsconfig: false, dirperm1: true }
    const mount = { readOnly: false, ...(label !== undefined && { label }) }
    const plan = planAufs(stack, mount, {}, features, xino)!
    if (extra === undefined) return plan
    const steps = plan.steps.map((step) =>
      step.call === 'mount' ? { ...step, data: [...step.data, `,${extra}`] } : step,
    )
    return { ...plan, steps, words: [...plan.words, extra] }
  }

  async function failure(paths: readonly string[], xino: string, more?: More): Promise<SyscallError> {
    const plan = planOf(paths, xino, more)
    const error = await perform(plan, at('union')).then(
      () => assert.fail('it was mounted'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof SyscallError, String(error))
    return error.with({ detail: await explainAufs(error, plan, at('union'), 127) })
  }

  // The same that the fake kernel is asked: the errnos have to be the same.
  for (const { title, code, words, prepare, label } of refusals) {
    it(`is explained: ${title}`, async () => {
      const place = makePlace(at)
      prepare?.(place)
      const error = await failure(place.paths, place.xino, { label })
      assert.equal(error.code, code)
      assert.match(error.detail!, words)
    })
  }

  const mounts: [name: string, type: string, words: RegExp][] = [
    ['ro2', 'ramfs', /ro2 is on ramfs/],
    ['ro2', 'proc', /ro2 is on proc/],
    ['ro2', 'sysfs', /ro2 is on sysfs/],
    ['xino', 'ramfs', /xino file cannot be in .* ramfs/],
  ]
  for (const [name, type, words] of mounts) {
    it(`is explained: ${name} on ${type}`, async () => {
      const place = makePlace(at)
      mountSync('none', at(name), type)
      const error = await failure(place.paths, place.xino)
      assert.equal(error.code, 'EINVAL')
      assert.match(error.detail!, words)
    })
  }

  it('is explained: a branch on overlay', async () => {
    const place = makePlace(at)
    for (const name of ['lower', 'upper', 'work']) mkdirSync(at(name))
    const data = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`
    mountSync('none', at('ro1'), 'overlay', 0, data)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /ro1 is on overlay, .*stacked already/)
  })

  it('is explained: a branch in another union', async () => {
    const place = makePlace(at)
    mkdirSync(at('other'))
    mountSync('none', at('ro2'), 'aufs', 0, `br:${at('other')}=rw,noxino`)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /ro2 is on aufs, which cannot be a branch/)
  })

  it('is explained: a table in a union', async () => {
    const place = makePlace(at)
    mkdirSync(at('other'))
    mountSync('none', at('xino'), 'aufs', 0, `br:${at('other')}=rw,noxino`)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /the xino file cannot be in .*xino: .* this is aufs/)
  })

  it('is explained: an option that aufs does not know', async () => {
    const place = makePlace(at)
    const error = await failure(place.paths, place.xino, { extra: 'bogus' })
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /this aufs does not take the option bogus/)
  })

  it('is explained: somebody maintains the pseudo-links', async () => {
    const place = makePlace(at)
    const plan = planOf(place.paths, place.xino)
    await perform(plan, at('union'))
    const [union = ''] = await aufsUnions()
    // The maintainer is one process: the shell itself has to write.
    const script = 'exec 3>/proc/fs/aufs/plink_maint && printf si=%s "$1" >&3 && echo ready && read line'
    const args = ['-c', script, 'sh', union.slice('si_'.length)]
    const maintainer = spawn('sh', args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const gone = once(maintainer, 'exit')
    await once(maintainer.stdout, 'data')
    mkdirSync(at('ro3'))
    const remount = (): void => {
      mountSync(null, at('union'), 'aufs', MS_REMOUNT, `append:${at('ro3')}=ro+wh`)
    }
    try {
      assert.throws(remount, { code: 'EAGAIN' })
    } finally {
      maintainer.stdin.end()
      await gone
    }
    const words = await explainAufs(new SyscallError('EAGAIN', 'mount'), plan, at('union'), 127)
    assert.match(words, /maintenance of pseudo-links/)
    remount()
    assert.equal((await aufsBranches(at('union'))).length, 4)
  })

  it('is explained: a writable branch on a read-only superblock', async () => {
    const place = makePlace(at)
    mountSync('none', at('rw'), 'tmpfs', MS_RDONLY)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EINVAL')
    assert.match(error.detail!, /rw is to be written and lies on a read-only mount/)
  })

  it('is explained: a writable branch on a read-only mount', async () => {
    const place = makePlace(at)
    mountSync(at('rw'), at('rw'), null, MS_BIND)
    mountSync(null, at('rw'), null, MS_BIND | MS_REMOUNT | MS_RDONLY)
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'EROFS')
    assert.match(error.detail!, /rw is to be written and lies on a read-only mount/)
  })

  it('is explained: a table without room', async () => {
    const place = makePlace(at)
    mountSync('none', at('xino'), 'tmpfs', 0, 'size=4k')
    writeFileSync(at('xino', 'full'), Buffer.alloc(4096))
    const error = await failure(place.paths, place.xino)
    assert.equal(error.code, 'ENOSPC')
    assert.match(error.detail!, /the xino file cannot be in/)
  })
})

describeAufs('aufs where it may not be mounted', (directory) => {
  const probing = `
    import { probe } from 'graphdriver'
    const [report] = await probe(process.argv[1])
    console.log(JSON.stringify([report.driver, report.supported, report.code, report.reason]))
  `
  const users: [title: string, prefix: readonly string[], words: RegExp][] = [
    [
      'in a user namespace',
      ['unshare', '-Urm', '--propagation', 'private'],
      /user namespace.*allow_userns=1/,
    ],
    ['by an ordinary user', ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'], /CAP_SYS_ADMIN/],
  ]
  for (const [title, prefix, words] of users) {
    it(`says so: ${title}`, async () => {
      chmodSync(directory(), 0o777)
      const { output } = await runScript(prefix, probing, directory())
      const [driver, supported, code, reason] = JSON.parse(output) as [string, boolean, string, string]
      assert.deepEqual([driver, supported, code], ['aufs', false, 'ERR_DRIVER_PREREQUISITE'])
      assert.match(reason, words)
      assert.deepEqual(readdirSync(directory()), [])
    })
  }
})
