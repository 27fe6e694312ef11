import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { drivers, open, probe } from 'graphdriver'
import { AUFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, statfs } from 'graphdriver/sys'
import type { GraphDriverError, SyscallError } from 'graphdriver'
import { setBinding } from '#lib/sys/binding.js'
import { chain, ids, lay, useFixture } from './fixture.ts'

describe('driver aufs on a fake kernel', () => {
  const store = useFixture()

  it('comes first', () => {
    assert.deepEqual(drivers().slice(0, 3), ['aufs', 'overlay', 'vfs'])
  })

  it("says what it found out, Docker's labels where it had them", async () => {
    const graph = await store.open()
    const rows = new Map(await graph.status())
    assert.equal(rows.get('Dirperm1 Supported'), 'true')
    assert.equal(rows.get('Branch Limit'), '127')
    assert.equal(rows.get('Mount Plan'), 'one call; what does not fit it by fsconfig, at one instant')
    assert.equal(rows.get('Aufs Version'), '6.1-fake')
    assert.match(rows.get('Xino')!, /^\//)
    assert.match(rows.get('Xino Free')!, /^\d+ MiB$/)
    const { aufs } = await graph.info()
    const { xino, ...rest } = aufs!
    assert.equal(xino!.directory, rows.get('Xino'))
    assert.ok(xino!.freeBytes > 0)
    assert.deepEqual(rest, {
      version: '6.1-fake',
      branchLimit: 127,
      branchLimitFrom: 'told',
      dirperm1: true,
      longStacks: 'fsconfig',
      form: 'auto',
    })
  })

  it('mounts by one call, and takes the mount away', async () => {
    const graph = await store.open()
    await chain(graph, ['a', 'b', 'c'])
    assert.equal(await graph.get('a'), store.at('diff', 'a'))
    assert.equal(await graph.get('c'), store.at('mnt', 'c'))
    assert.deepEqual(
      store.kernel.calls.map(({ call, data }) => [call, data.replace(/xino=.*/, 'xino')]),
      [
        [
          'mount',
          `br:${store.at('diff/c')}=rw:${store.at('diff/b')}=ro+wh:${store.at('diff/a')}=ro+wh,dio,dirperm1,xino`,
        ],
      ],
    )
    await graph.put('c')
    assert.equal(store.kernel.mounts.size, 0)
  })

  it('mounts a deep stack at one instant', async () => {
    const graph = await store.open()
    lay(store, ids(120))
    await graph.get('layer-0119')
    assert.deepEqual(
      store.kernel.calls.map(({ call }) => call),
      ['newMount', 'reconfigure'],
    )
    assert.equal(store.kernel.mounts.get(store.at('mnt', 'layer-0119'))![0]!.branches.length, 120)
  })

  it('names a table of its own for every mount', async () => {
    const graph = await store.open()
    await chain(graph, ['base'])
    for (const id of ids(20)) await graph.create(id, { parent: 'base' })
    await Promise.all(ids(20).map((id) => graph.get(id)))
    const names = store.kernel.calls.map(({ data }) => /xino=([^,]*)/.exec(data)![1])
    assert.equal(new Set(names).size, 20)
  })

  it('tries itself out under its own root, and nowhere else', async () => {
    const graph = await store.open()
    store.kernel.calls.length = 0
    await open({ root: store.root, driver: 'aufs', sync: 'none' }).then((another) => another.close())
    const paths = store.kernel.calls.flatMap(({ data }) => data.match(/\/[^=:,]+/g) ?? [])
    assert.ok(paths.length > 0)
    for (const path of paths) assert.ok(path.startsWith(store.at('.graphdriver-probe-')), path)
    await graph.close()
  })

  it('mounts one at a time, trials of other instances too', async () => {
    const graph = await store.open()
    await chain(graph, ['base'])
    for (const id of ids(8)) await graph.create(id, { parent: 'base' })
    let [now, most] = [0, 0]
    const { native } = store.kernel
    const slow: typeof native.mount = async (...args) => {
      if (args[2] !== 'aufs') return native.mountSync(...args)
      most = Math.max(most, ++now)
      await sleep(5)
      now--
      return native.mountSync(...args)
    }
    setBinding({ ...native, mount: slow })
    await Promise.all([...ids(8).map((id) => graph.get(id)), probe(store.root), probe(store.root)])
    assert.equal(most, 1)
  })

  it('refuses more layers than the kernel takes branches', async () => {
    const graph = await store.open()
    lay(store, ids(127))
    await assert.rejects(graph.create('more', { parent: 'layer-0126' }), { code: 'ERR_TOO_MANY_LAYERS' })
    await graph.get('layer-0126')
  })

  it('takes 500 branches where the kernel was built for them', async () => {
    store.boot({ mostBranches: 511 })
    const graph = await store.open()
    lay(store, ids(500))
    await graph.get('layer-0499')
    assert.equal(store.kernel.mounts.get(store.at('mnt', 'layer-0499'))![0]!.branches.length, 500)
    await graph.close()
    const remounting = await store.open({ aufs: { form: 'remount' } })
    await remounting.get('layer-0499')
    assert.ok(store.kernel.calls.length > 6 && store.kernel.calls.every(({ call }) => /mount/.test(call)))
  })

  it('gives a label to every call', async () => {
    store.boot({ selinux: true, mostBranches: 511 }, { contexts: false })
    const graph = await store.open()
    lay(store, ids(300))
    await graph.get('layer-0299', { mountLabel: 'system_u:object_r:svirt:s0:c1,c2' })
    assert.ok(store.kernel.calls.length > 2)
    for (const { data } of store.kernel.calls)
      assert.ok(data.endsWith(',context="system_u:object_r:svirt:s0:c1,c2"'))
    assert.equal(
      store.kernel.mounts.get(store.at('mnt', 'layer-0299'))![0]!.label,
      'system_u:object_r:svirt:s0:c1,c2',
    )
  })

  it('does without dirperm1 where the kernel does not know it', async () => {
    store.boot({ unknown: ['dirperm1'] })
    const graph = await store.open()
    assert.equal(new Map(await graph.status()).get('Dirperm1 Supported'), 'false')
    await chain(graph, ['a', 'b'])
    await graph.get('b')
    assert.doesNotMatch(store.kernel.calls[0]!.data, /dirperm1/)
    await assert.rejects(open({ root: store.root, driver: 'aufs', aufs: { dirperm1: true } }), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /does not take the option dirperm1/,
    })
  })

  it('knows a kernel without the newer interface', async () => {
    store.boot({ contexts: false, mostBranches: 511 }, { contexts: false })
    const graph = await store.open()
    assert.match(new Map(await graph.status()).get('Mount Plan')!, /by remounts$/)
    lay(store, ids(200))
    await graph.get('layer-0199')
    assert.deepEqual([...new Set(store.kernel.calls.map(({ call }) => call))], ['mount', 'remount'])
  })

  it('is not supported where the kernel has no aufs, and the next driver is taken', async () => {
    store.boot({}, { present: false })
    const [report] = await probe(store.root)
    assert.equal(report!.supported, false)
    assert.equal(report!.code, 'ERR_DRIVER_NOT_SUPPORTED')
    await assert.rejects(store.open(), { code: 'ERR_DRIVER_NOT_SUPPORTED' })
    assert.deepEqual(readdirSync(store.root), [])
  })

  for (const [name, type] of [
    ['btrfs', BTRFS_SUPER_MAGIC],
    ['overlay', OVERLAYFS_SUPER_MAGIC],
  ] as const) {
    it(`refuses a root on ${name}`, async () => {
      store.boot({ filesystemOf: (path) => (path.startsWith(store.root) ? type : undefined) })
      await assert.rejects(store.open(), { code: 'ERR_DRIVER_BACKING_FS', message: new RegExp(name) })
    })
  }

  for (const bad of [',', ':', '=', '\n', '\x7f']) {
    it(`refuses a root that holds ${JSON.stringify(bad)}, before anything is touched`, async () => {
      const root = store.at(`r${bad}oot`)
      mkdirSync(root)
      await assert.rejects(store.open({ root }), {
        code: 'ERR_DRIVER_PREREQUISITE',
        message: /the root .* holds/,
      })
      await assert.rejects(store.open({ root: join(root, 'below') }), { code: 'ERR_DRIVER_PREREQUISITE' })
      assert.deepEqual(readdirSync(root), [])
      assert.deepEqual(store.kernel.calls, [])
    })
  }

  describe('a failure leaves nothing', () => {
    const deep = ids(120)

    for (const [call, form] of [
      ['mount', 'mount'],
      ['remount', 'remount'],
      ['newMount', 'fsconfig'],
      ['reconfigure', 'fsconfig'],
      ['moveMount', 'fsconfig'],
    ] as const) {
      it(`of ${call}: no mount, no reference, and the next get works`, async () => {
        const graph = await store.open({ aufs: { form } })
        lay(store, deep)
        store.kernel.failures.push({ call, code: 'ENOMEM' })
        await assert.rejects(graph.get('layer-0119'), { code: 'ENOMEM' })
        assert.equal(store.kernel.mounts.size, 0)
        assert.equal(
          (await graph.list()).some(({ held, inUse }) => held || inUse),
          false,
        )
        assert.deepEqual(Buffer.from(store.kernel.aufsUnions('/sys/fs/aufs') as Uint8Array).length, 0)
        // A reference that was left would answer a directory where nothing is mounted.
        const path = await graph.get('layer-0119')
        assert.equal(store.kernel.mounts.get(path)?.[0]?.branches.length, 120)
      })
    }

    it('of a call that stopped half-way: the branches that were added do not stay', async () => {
      const graph = await store.open({ aufs: { form: 'remount' } })
      lay(store, deep)
      rmSync(store.at('diff', 'layer-0001'), { recursive: true })
      await assert.rejects(graph.get('layer-0119'), (error: GraphDriverError) => {
        assert.deepEqual([error.code, error.id], ['ERR_LAYER_CORRUPT', 'layer-0001'])
        const cause = error.cause as SyscallError
        assert.equal(cause.code, 'EINVAL')
        assert.match(cause.detail!, /diff\/layer-0001 cannot be used: ENOENT/)
        return true
      })
      assert.equal(store.kernel.mounts.size, 0)
    })
  })

  describe('what is found at a mount point', () => {
    async function prepared(): Promise<Awaited<ReturnType<typeof store.open>>> {
      const graph = await store.open()
      await chain(graph, ['a', 'b', 'c'])
      return graph
    }
    const mountBranches = (...branches: string[]): number =>
      store.kernel.mount('none', store.at('mnt/c'), 'aufs', 0, `br:${branches.join(':')},noxino`)
    const [c, b, a] = ['c=rw', 'b=ro+wh', 'a=ro+wh'].map((word) => (): string => store.at('diff', word))

    it('is taken over when it is the layer', async () => {
      const graph = await prepared()
      mountBranches(c!(), b!(), a!())
      store.kernel.calls.length = 0
      await graph.get('c')
      assert.deepEqual(store.kernel.calls, [])
    })

    for (const [title, branches] of [
      ['half of it', () => [c!(), b!()]],
      ['in another order', () => [c!(), a!(), b!()]],
      ['without whiteouts', () => [c!(), b!(), store.at('diff', 'a=ro')]],
      ['read-only', () => [store.at('diff', 'c=ro+wh'), b!(), a!()]],
      ['of another layer', () => [b!().replace('ro+wh', 'rw'), a!()]],
    ] as const) {
      it(`is replaced when it is ${title}`, async () => {
        const graph = await prepared()
        mountBranches(...branches())
        store.kernel.calls.length = 0
        await graph.get('c')
        assert.equal(store.kernel.calls.length, 1)
        const [union] = store.kernel.mounts.get(store.at('mnt/c'))!
        assert.deepEqual(
          union!.branches.map(({ path, permission }) => `${path}=${permission}`),
          [c!(), b!(), a!()],
        )
      })
    }

    it('is not there where a union lies above the mount points: the type of the filesystem is no answer', async () => {
      const graph = await prepared()
      const above = store.at('above')
      mkdirSync(above)
      store.kernel.mount('none', store.at('mnt'), 'aufs', 0, `br:${above}=rw,noxino`)
      assert.equal((await statfs(store.at('mnt/c'))).type, AUFS_SUPER_MAGIC)
      assert.equal((await graph.list()).find(({ id }) => id === 'c')?.mounted, false)
      await graph.get('c')
      assert.equal(store.kernel.mounts.get(store.at('mnt/c'))?.[0]?.branches.length, 3)
    })

    it('is an error when a layer is missing in what was just mounted', async () => {
      const graph = await prepared()
      const { rules } = store.kernel
      const create = rules.create.bind(rules)
      // As a kernel does that was given data which was cut.
      rules.create = (options, ...rest) =>
        create(
          options.filter((_, at) => at !== 2),
          ...rest,
        )
      await assert.rejects(graph.get('c'), {
        code: 'ERR_MOUNT_MISMATCH',
        message: /2 branches, and 3 were asked for; branch 2, .*diff\/a=ro\+wh, is missing/,
      })
      assert.equal(store.kernel.mounts.size, 0)
    })
  })

  describe('a branch that is alive elsewhere', () => {
    for (const withoutSysfs of [false, true]) {
      it(`is not mounted again${withoutSysfs ? ', without sysfs too' : ''}`, async () => {
        store.boot({}, { withoutSysfs })
        const graph = await store.open()
        await chain(graph, ['a', 'b'])
        const other = store.at('other')
        mkdirSync(other)
        const data = `br:${store.at('diff/b')}=rw:${store.at('diff/a')}=ro+wh,noxino`
        store.kernel.mount('none', other, 'aufs', 0, data)
        await assert.rejects(graph.get('b'), { code: 'ERR_LAYER_IN_USE', message: new RegExp(other) })
        await assert.rejects(graph.remove('b'), { code: 'ERR_LAYER_IN_USE' })
        store.kernel.umount2(other, 0)
        await graph.get('b')
      })
    }

    it('is not taken for one that others write to', async () => {
      const graph = await store.open()
      await chain(graph, ['a', 'b', 'c'])
      const other = store.at('other')
      mkdirSync(other)
      const data = `br:${store.at('diff/b')}=rw:${store.at('diff/a')}=ro+wh,noxino`
      store.kernel.mount('none', other, 'aufs', 0, data)
      await graph.get('c')
    })

    it('is known by another name of its root, too', async () => {
      const graph = await store.open()
      await chain(graph, ['a', 'b'])
      const other = store.at('other')
      mkdirSync(other)
      const alias = `/proc/self/root${store.at('diff/b')}`
      store.kernel.mount('none', other, 'aufs', 0, `br:${alias}=rw:${store.at('diff/a')}=ro+wh,noxino`)
      await assert.rejects(graph.get('b'), { code: 'ERR_LAYER_IN_USE' })
    })

    it('also when it is detached and still in use', async () => {
      const graph = await store.open()
      await chain(graph, ['a', 'b'])
      await graph.get('b')
      store.kernel.busy.add(store.at('mnt/b'))
      await graph.put('b', { detach: true })
      store.kernel.busy.clear()
      await assert.rejects(graph.get('b'), { code: 'ERR_LAYER_IN_USE', message: /detached/ })
      store.kernel.detached.clear()
      await graph.get('b')
    })
  })

  it('opens a root of Docker as it is', async () => {
    for (const name of ['layers', 'diff', 'mnt']) mkdirSync(store.at(name))
    const [id, parent] = ['f'.repeat(64), 'a'.repeat(64)]
    for (const each of [id, parent]) for (const name of ['diff', 'mnt']) mkdirSync(store.at(name, each))
    writeFileSync(store.at('layers', parent), '')
    writeFileSync(store.at('layers', id), `${parent}\n`)
    await using graph = await open({ root: store.root, sync: 'none' })
    assert.equal(graph.name, 'aufs')
    assert.equal(await graph.get(id), store.at('mnt', id))
    assert.equal(store.kernel.mounts.get(store.at('mnt', id))![0]!.branches.length, 2)
    await graph.put(id)
    await graph.create('next', { parent: id })
  })

  it('reads a root of Docker without a kernel that has aufs', async () => {
    const [id, parent] = ['f'.repeat(64), 'a'.repeat(64)]
    for (const name of ['layers', 'diff', 'mnt']) mkdirSync(store.at(name))
    for (const each of [id, parent]) for (const name of ['diff', 'mnt']) mkdirSync(store.at(name, each))
    writeFileSync(store.at('layers', parent), '')
    writeFileSync(store.at('layers', id), `${parent}\n`)
    store.boot({}, { present: false })
    const graph = await open({ root: store.root, readOnly: true })
    assert.equal(graph.name, 'aufs')
    assert.deepEqual(
      (await graph.list()).map((layer) => [layer.id, layer.parent]),
      [
        [parent, undefined],
        [id, parent],
      ],
    )
    assert.deepEqual((await graph.layout(id)).lowers, [store.at('diff', parent)])
    const [mount, more] = await graph.mounts(id)
    assert.equal(more, undefined)
    assert.equal(mount!.options[0], `br:${store.at('diff', id)}=rw:${store.at('diff', parent)}=ro+wh`)
    assert.match(mount!.options.at(-1)!, /^xino=\/dev\/shm\/\d+-[0-9a-f]{8}-[0-9a-f]{8}$/)
    await graph.close()
    assert.deepEqual(store.kernel.calls, [])
    assert.equal(lstatSync(store.at('layers')).isDirectory(), true)
    assert.deepEqual(readdirSync(store.root).sort(), ['diff', 'layers', 'mnt'])
  })
})
