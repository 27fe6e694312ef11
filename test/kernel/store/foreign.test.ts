import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { convert, open, probe } from 'graphdriver'
import { EXT4_SUPER_MAGIC, mount, MS_RDONLY, MS_REMOUNT, umount2 } from 'graphdriver/sys'
import { setBinding } from '#lib/sys/binding.js'
import { skip } from '../../skip.ts'
import { FakeKernel } from '../../fake-aufs/kernel.ts'
import { Rules } from '../../fake-aufs/rules.ts'
import { itOn, workingDrivers } from '../working-drivers.ts'
import { run, workerArguments } from './processes.ts'
import { codeOf, scratchDirectory, snapshot } from './support.ts'

describe('roots that are not ours', () => {
  const scratch = scratchDirectory()
  let root: string

  beforeEach(() => {
    root = scratch.fresh()
  })

  function plant(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, name, name.endsWith('/') ? '.' : '..'), { recursive: true })
      if (!name.endsWith('/')) writeFileSync(join(root, name), text)
    }
  }

  /** Opening is refused, however it is asked for, and leaves everything as it was. */
  async function refused(code: string, options: Partial<Parameters<typeof open>[0]>[] = [{}]): Promise<void> {
    const before = existsSync(root) ? snapshot(root) : undefined
    for (const option of options) {
      await assert.rejects(
        open({ root, ...option }),
        (error) => codeOf(error) === code,
        JSON.stringify(option),
      )
      assert.deepEqual(existsSync(root) ? snapshot(root) : undefined, before)
    }
  }

  const EVERY_WAY = [{}, { driver: 'vfs' }]

  describe('with somebody’s files', () => {
    for (const name of ['staging', 'views', 'layers', 'diff', 'mnt', 'children', 'pending']) {
      it(`in ${name}/`, async () => {
        plant({ [`${name}/thesis.txt`]: 'precious' })
        await refused('ERR_STORE_FOREIGN', [{ driver: 'vfs' }])
      })
      it(`at ${name}`, async () => {
        plant({ [name]: 'precious' })
        await refused('ERR_STORE_FOREIGN', [{ driver: 'vfs' }])
      })
    }
    it('behind a link', async () => {
      plant({ 'elsewhere/thesis.txt': 'precious' })
      symlinkSync('elsewhere', join(root, 'staging'))
      await refused('ERR_STORE_FOREIGN', EVERY_WAY)
    })
    it('beside ours are left alone, and so is the mode of their directory', async () => {
      plant({ 'thesis.txt': 'precious', 'home/': '' })
      chmodSync(root, 0o1777)
      const store = await open({ root, driver: 'vfs' })
      await store.create('base')
      await store.close()
      assert.equal(statSync(root).mode & 0o7777, 0o1777)
      assert.equal(readFileSync(join(root, 'thesis.txt'), 'utf8'), 'precious')
      for (const name of ['layers', 'diff', 'mnt', 'staging']) {
        assert.equal(statSync(join(root, name)).mode & 0o7777, 0o700, name)
      }
    })
    it('cannot be opened read-only either', async () => {
      plant({ 'staging/thesis.txt': 'precious' })
      await refused('ERR_STORE_FOREIGN', [{ readOnly: true }, { readOnly: true, driver: 'vfs' }])
    })
  })

  describe('with a stamp', () => {
    const good = { format: 1, driver: 'vfs', xattrs: null, state: 'ready' }
    const ways = [{}, { driver: 'vfs' }, { driver: 'overlay' }, { readOnly: true }]
    for (const [what, stamp] of [
      ['of a newer format', JSON.stringify({ ...good, format: 2 })],
      ['that is garbage', '\0\x7fELF'],
      ['that is empty', ''],
      ['with xattrs that nobody knows', JSON.stringify({ ...good, xattrs: 'security' })],
      ['in the middle of a conversion', JSON.stringify({ ...good, state: 'converting' })],
    ] as const) {
      it(what, async () => {
        plant({
          'graphdriver.json': stamp,
          'staging/file': 'x',
          'layers/.new-x': '',
          'diff/x-removing/a': 'x',
        })
        await refused('ERR_STORE_VERSION', ways)
      })
    }
    it('of another driver', async () => {
      plant({ 'graphdriver.json': JSON.stringify(good), 'layers/.new-x': '', 'diff/x-removing/a': 'x' })
      await refused('ERR_STORE_OTHER_DRIVER', [{ driver: 'overlay' }, { driver: 'overlay', readOnly: true }])
    })
    it('of a driver that is not here', async () => {
      plant({ 'graphdriver.json': JSON.stringify({ ...good, driver: 'zfs' }), 'diff/x-removing/a': 'x' })
      await refused('ERR_STORE_OTHER_DRIVER', [{ driver: 'vfs' }])
      await refused('ERR_DRIVER_UNKNOWN', [{}, { readOnly: true }])
    })
    itOn('overlay', 'of root, in a user namespace', async function () {
      const store = await open({ root, driver: 'overlay' })
      await store.create('base')
      await store.close()
      const before = snapshot(root)
      const unshare = ['-Urm', '--propagation', 'private']
      if ((await run('unshare', [...unshare, 'true'])).code !== 0) skip(this, 'no user namespaces here')
      const { errors } = await run('unshare', [
        ...unshare,
        process.execPath,
        ...workerArguments({ options: { root } }),
      ])
      assert.match(errors, /ERR_DRIVER_PREREQUISITE/)
      assert.deepEqual(snapshot(root), before)
    })
  })

  describe('that lost their stamp, and have layers', () => {
    for (const driver of ['overlay', 'vfs']) {
      itOn(
        driver,
        `one of ${driver}: nobody guesses whose the layers are, and with its stamp it is as before`,
        async () => {
          const store = await open({ root, driver })
          await store.create('base')
          await store.create('top', { parent: 'base' })
          await store.close()
          const stamp = join(root, 'graphdriver.json')
          const text = readFileSync(stamp)
          rmSync(stamp)
          for (const name of ['children', 'staging', 'views']) {
            await refused('ERR_STORE_VERSION', [{}, { driver }, { driver: 'aufs' }, { readOnly: true }])
            const before = snapshot(root)
            for (const to of ['overlay', 'aufs'] as const) {
              await assert.rejects(convert(root, { to }), (error) => codeOf(error) === 'ERR_STORE_VERSION')
            }
            assert.deepEqual(snapshot(root), before)
            if (name !== 'views') rmSync(join(root, name), { recursive: true })
          }
          writeFileSync(stamp, text)
          const again = await open({ root })
          assert.deepEqual(
            (await again.list()).map(({ id, parent }) => [id, parent]),
            [
              ['base', undefined],
              ['top', 'base'],
            ],
          )
          await again.get('top')
          await again.put('top')
          await again.close()
        },
      )
    }
  })

  describe('that cannot be a root', () => {
    it('a file', async () => {
      writeFileSync(root, 'precious')
      await refused('ENOTDIR', [{}, { driver: 'vfs' }, { readOnly: true }])
    })
    it('something below a file', async () => {
      writeFileSync(root, 'precious')
      const file = root
      root = join(root, 'a/b')
      await refused('ENOTDIR', [{}, { readOnly: true }])
      assert.equal(readFileSync(file, 'utf8'), 'precious')
    })
    it('a link that leads nowhere', async () => {
      symlinkSync('nowhere', root)
      await assert.rejects(open({ root, driver: 'vfs' }), (error) => codeOf(error) === 'ENOENT')
      await assert.rejects(open({ root, readOnly: true }), (error) => codeOf(error) === 'ENOENT')
    })
    it('one on a read-only filesystem', async () => {
      mkdirSync(root)
      await mount('tmpfs', root, 'tmpfs')
      try {
        mkdirSync(join(root, 'empty'))
        const store = await open({ root: join(root, 'store'), driver: 'vfs' })
        await store.create('base')
        await store.close()
        await mount(null, root, null, MS_REMOUNT | MS_RDONLY)
        for (const name of ['empty', 'missing/too', 'store']) {
          for (const option of EVERY_WAY) {
            const opening = open({ root: join(root, name), ...option })
            await assert.rejects(opening, (error) => codeOf(error) === 'EROFS', name)
          }
        }
        await assert.rejects(probe(root), (error) => codeOf(error) === 'EROFS')
        const reader = await open({ root: join(root, 'store'), readOnly: true })
        assert.deepEqual(
          (await reader.list()).map(({ id }) => id),
          ['base'],
        )
        await reader.close()
      } finally {
        await umount2(root)
      }
    })
    it('one that an ordinary user may not write', async () => {
      mkdirSync(root, { mode: 0o755 })
      chmodSync(scratch.path, 0o755)
      const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
      for (const path of [root, join(root, 'a/b')]) {
        const { code, errors } = await run('setpriv', [
          ...asNobody,
          ...workerArguments({ options: { root: path } }),
        ])
        assert.equal(code, 1)
        assert.match(errors, /code: 'EACCES'/)
      }
      assert.deepEqual(snapshot(root).length, 1)
    })
    it('one that an ordinary user may not even see', async () => {
      const store = await open({ root, driver: 'vfs' })
      await store.close()
      chmodSync(scratch.path, 0o755)
      const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
      for (const options of [{ root }, { root, readOnly: true }]) {
        const { errors } = await run('setpriv', [...asNobody, ...workerArguments({ options })])
        assert.match(errors, /code: 'EACCES'/)
      }
    })
    it('a missing one is made, parents too', async () => {
      const path = join(root, 'a/b/c')
      const store = await open({ root: path, driver: 'vfs' })
      assert.equal(store.root, path)
      assert.equal(statSync(path).mode & 0o7777, 0o700)
      await store.close()
    })
    it('a missing one is not made for who only looks', async () => {
      await refused('ENOENT', [{ readOnly: true }])
    })
  })
})

describe('a root that Docker wrote', () => {
  const scratch = scratchDirectory()
  const [base, middle, top] = ['a1', 'b2', 'c3'].map((pair) => pair.repeat(32)) as [string, string, string]
  const init = `${top}-init`
  let root: string

  /** As Docker's aufs driver left it, with a removal that was cut short. */
  function docker(): void {
    root = scratch.fresh('docker')
    const gone = 'd4'.repeat(32)
    for (const [id, chain] of [
      [base, []],
      [middle, [base]],
      [init, [middle, base]],
      [top, [init, middle, base]],
    ] as const) {
      for (const directory of ['diff', 'mnt']) mkdirSync(join(root, directory, id), { recursive: true })
      mkdirSync(join(root, 'layers'), { recursive: true })
      writeFileSync(join(root, 'layers', id), chain.map((line) => `${line}\n`).join(''))
      writeFileSync(join(root, 'diff', id, 'file'), id)
    }
    mkdirSync(join(root, 'diff', top, '.wh..wh.plnk'))
    for (const name of ['diff', 'mnt']) mkdirSync(join(root, name, `${gone}-removing`))
    writeFileSync(join(root, 'diff', `${gone}-removing`, 'file'), '')
  }

  beforeEach(docker)
  afterEach(() => {
    setBinding(undefined)
  })

  it('is refused by name with another driver, and stays as it is', async () => {
    const before = snapshot(root)
    for (const driver of ['overlay', 'vfs']) {
      for (const readOnly of [false, true]) {
        await assert.rejects(
          open({ root, driver, readOnly }),
          (error) => codeOf(error) === 'ERR_STORE_OTHER_DRIVER' && (error as Error).message.includes('aufs'),
        )
      }
    }
    assert.deepEqual(snapshot(root), before)
  })

  it('opens as it is with its own driver', async () => {
    if (!workingDrivers.includes('aufs')) {
      const rules = new Rules({ filesystemOf: () => EXT4_SUPER_MAGIC })
      setBinding(new FakeKernel(rules).native)
    }
    const store = await open({ root })
    assert.equal(store.name, 'aufs')
    const layers = await store.list()
    assert.deepEqual(
      layers.map(({ id, parent, children }) => [id, parent, children]),
      [
        [base, undefined, [middle]],
        [middle, base, [init]],
        [top, init, []],
        [init, middle, [top]],
      ].sort(),
    )
    const names = snapshot(root).map((line) => line.split(' ')[0])
    assert.ok(!names.some((name) => name!.includes('-removing')), 'what was being removed is left')
    assert.ok(names.includes(`/children/${middle}/${init}`.slice(1)), 'the index was not made')
    assert.equal(readFileSync(join(root, 'layers', top), 'utf8'), `${init}\n${middle}\n${base}\n`)
    await assert.rejects(store.remove(middle), (error) => codeOf(error) === 'ERR_LAYER_HAS_CHILDREN')
    await store.remove(top)
    await store.remove(init)
    await store.create('new', { parent: middle })
    await store.close()
    const again = await open({ root, driver: 'aufs' })
    assert.deepEqual(
      (await again.list()).map(({ id }) => id),
      [base, middle, 'new'],
    )
    await again.close()
    await assert.rejects(open({ root, driver: 'vfs' }), (error) => codeOf(error) === 'ERR_STORE_OTHER_DRIVER')
  })
})
