import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { open, type WarningEvent } from 'graphdriver'
import { AT_FDCWD, mknodat } from 'graphdriver/sys'
import { run } from './processes.ts'
import { codeOf, scratchDirectory, snapshot } from './support.ts'

const SOMEBODY = 1000
const OWN = ['layers', 'diff', 'mnt', 'children', 'staging', 'views', 'pending']

describe('a store is closed to other users', () => {
  const scratch = scratchDirectory()
  let root: string
  const warnings: string[] = []
  const onWarning = (message: unknown): void => {
    const { code, path } = message as WarningEvent
    warnings.push(`${code} ${path.slice(root.length + 1)}`)
  }

  before(() => {
    subscribe('graphdriver:warning', onWarning)
    chmodSync(scratch.path, 0o755)
  })
  after(() => unsubscribe('graphdriver:warning', onWarning))
  beforeEach(async () => {
    root = scratch.fresh()
    await visit()
    warnings.length = 0
  })

  /** Opens the store, and closes it. */
  async function visit(options: { group?: number; readOnly?: boolean } = {}): Promise<void> {
    const store = await open({ root, driver: 'vfs', sync: 'none', ...options })
    if (options.readOnly !== true && !(await store.exists('base'))) await store.create('base')
    await store.close()
  }

  const modeOf = (...names: string[]): number => statSync(join(root, ...names)).mode & 0o7777

  /** It is refused, and everything stays as it was. */
  async function refused(what: RegExp): Promise<void> {
    const before = snapshot(root)
    await assert.rejects(visit(), (error) => {
      assert.match(String(error), what)
      return codeOf(error) === 'ERR_STORE_UNSAFE'
    })
    assert.deepEqual(snapshot(root), before)
  }

  it('nobody else gets into it, or at its locks', async () => {
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    chmodSync(root, 0o755)
    for (const name of OWN) {
      assert.equal(modeOf(name), 0o700, name)
      const { code, errors } = await run('setpriv', [...asNobody, 'ls', join(root, name)])
      assert.notEqual(code, 0, name)
      assert.match(errors, /Permission denied/)
    }
    for (const name of ['lock', 'graphdriver.json']) {
      const { errors } = await run('setpriv', [...asNobody, 'cat', join(root, name)])
      assert.match(errors, /Permission denied/, name)
    }
  })

  for (const mode of [0o755, 0o777, 0o1777, 0o711, 0o701, 0o770, 0o750, 0o730]) {
    it(`directories of mode 0${mode.toString(8)} are closed, and a warning says so`, async () => {
      for (const name of OWN) chmodSync(join(root, name), mode)
      await visit({ readOnly: true })
      for (const name of OWN) assert.equal(modeOf(name), mode, `${name}, by who only looks`)
      await visit()
      for (const name of OWN) assert.equal(modeOf(name), 0o700, name)
      assert.deepEqual(warnings.sort(), OWN.map((name) => `CLOSED_TO_OTHERS ${name}`).sort())
      warnings.length = 0
      await visit()
      assert.deepEqual(warnings, [])
    })
  }

  it('a group that was let pass keeps that, and no more', async () => {
    await visit({ group: SOMEBODY })
    for (const name of OWN.filter((each) => each !== 'children')) {
      assert.equal(modeOf(name), 0o710, name)
      assert.equal(statSync(join(root, name)).gid, SOMEBODY)
    }
    await visit()
    assert.equal(modeOf('diff'), 0o710)
    assert.deepEqual(warnings, [])
    chmodSync(join(root, 'diff'), 0o755)
    await visit({ group: SOMEBODY })
    assert.equal(modeOf('diff'), 0o710)
    assert.deepEqual(warnings, ['CLOSED_TO_OTHERS diff'])
  })

  it('a lock that others could take is closed', async () => {
    chmodSync(join(root, 'lock'), 0o644)
    await visit()
    assert.equal(modeOf('lock'), 0o600)
    assert.deepEqual(warnings, ['CLOSED_TO_OTHERS lock'])
  })

  describe('and refused', () => {
    for (const name of [...OWN, 'lock']) {
      it(`when ${name} belongs to another user`, async () => {
        chownSync(join(root, name), SOMEBODY, 0)
        await refused(new RegExp(`/${name} .*belongs to user 1000`))
      })
    }
    it('when all of it belongs to another user', async () => {
      chownSync(root, SOMEBODY, SOMEBODY)
      await refused(/belongs to user 1000/)
    })
    for (const mode of [0o777, 0o775, 0o757]) {
      it(`when its root has the mode 0${mode.toString(8)}: its directories could be renamed`, async () => {
        chmodSync(root, mode)
        await refused(/lets others write in it \(chmod go-w would do\)/)
      })
    }
    it('but not when the sticky bit keeps others from renaming', async () => {
      chmodSync(root, 0o1777)
      await visit()
      assert.equal(modeOf(), 0o1777)
    })
    it('when its lock is somebody’s file by another name', async () => {
      const file = join(scratch.path, 'somebody’s')
      writeFileSync(file, 'precious', { mode: 0o644 })
      rmSync(join(root, 'lock'))
      linkSync(file, join(root, 'lock'))
      await refused(/it has another name, too/)
      assert.equal(statSync(file).mode & 0o777, 0o644)
      rmSync(file)
    })
    it('when its lock is a fifo', async () => {
      rmSync(join(root, 'lock'))
      await mknodat(AT_FDCWD, join(root, 'lock'), 0o010600)
      await assert.rejects(visit(), (error) => codeOf(error) === 'ERR_STORE_UNSAFE')
    })
  })

  describe('where everybody can make files, names that were taken before', () => {
    beforeEach(() => {
      rmSync(root, { recursive: true })
      mkdirSync(root)
      chmodSync(root, 0o1777)
    })

    for (const name of [...OWN, 'lock']) {
      it(`${name} of another user is refused`, async () => {
        const path = join(root, name)
        if (name === 'lock') writeFileSync(path, '', { mode: 0o666 })
        else mkdirSync(path, { mode: 0o777 })
        chownSync(path, SOMEBODY, SOMEBODY)
        await assert.rejects(visit(), (error) => codeOf(error) === 'ERR_STORE_UNSAFE')
        assert.equal(statSync(path).uid, SOMEBODY)
      })
    }
    it('a link of another user is refused', async () => {
      const victim = scratch.fresh('victim')
      mkdirSync(victim)
      symlinkSync(victim, join(root, 'diff'))
      await assert.rejects(visit())
      assert.deepEqual(readdirSync(victim), [])
    })
  })
})
