import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { probe, type ProbeReport } from 'graphdriver'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import { names, rejects, stack, useStore, within } from '../../contract/support.ts'
import { describeMounts } from '../namespace.ts'
import { mountedOptions, runScript } from './support.ts'

const userNamespace = ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private']
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

const probing = `
  import { probe } from 'graphdriver'
  const reports = await probe(process.argv[1])
  console.log(JSON.stringify(reports.map(({ cause, ...rest }) => ({ ...rest, cause: cause?.code }))))
`
const opening = `
  import { open } from 'graphdriver'
  try {
    const graph = await open({ root: process.argv[1], driver: 'overlay' })
    await graph.create('made', { parent: 'base' })
    await graph.get('made')
    await graph.close()
    console.log('opened')
  } catch (error) {
    console.log(error.code, error.message)
  }
`
const making = `
  import { open } from 'graphdriver'
  const graph = await open({ root: process.argv[1], driver: 'overlay' })
  await graph.create('base')
  await graph.create('top', { parent: 'base' })
  await graph.close()
  console.log('made')
`

function overlayOf(reports: readonly ProbeReport[]): ProbeReport {
  return reports.find(({ driver }) => driver === 'overlay')!
}

describeMounts('probe of overlay', () => {
  const store = useStore('overlay', false)

  it('says what the kernel and the filesystem can do', async () => {
    const { supported, features } = overlayOf(await probe(store.root))
    assert.equal(supported, true)
    assert.equal(features['Overlay Xattrs'], 'trusted.overlay.*')
    assert.equal(features['Live Layers Asked Of'], 'the kernel')
    assert.match(features['Layers One by One'] ?? '', /by path|no/)
  })

  it('finds the same in a directory whose path is too long for a setting', async () => {
    const long = store.at('d'.repeat(200), 'e'.repeat(200))
    await mkdir(long, { recursive: true })
    assert.deepEqual(overlayOf(await probe(long)), overlayOf(await probe(store.root)))
  })

  it('refuses a directory that is on an overlay itself', async () => {
    const graph = await store.open()
    await stack(graph, ['base', 'top'])
    await within(graph, 'top', async (path) => {
      const report = overlayOf(await probe(path))
      assert.equal(report.supported, false)
      assert.equal(report.code, 'ERR_DRIVER_BACKING_FS')
      assert.match(report.reason ?? '', /overlay/)
      assert.deepEqual(await names(path), [])
    })
  })

  it('refuses a filesystem without extended attributes, by its name', async () => {
    await mkdir(store.at('ramfs'))
    mountSync('none', store.at('ramfs'), 'ramfs')
    try {
      const report = overlayOf(await probe(store.at('ramfs')))
      assert.equal(report.code, 'ERR_DRIVER_BACKING_FS')
      assert.match(report.reason ?? '', /^ramfs keeps no extended attributes/)
    } finally {
      umount2Sync(store.at('ramfs'))
    }
  })

  it('tells an ordinary user what is missing', async () => {
    await chmod(store.root, 0o777)
    const { output } = await runScript(nobody, probing, store.root)
    const reports = JSON.parse(output) as ProbeReport[]
    const report = overlayOf(reports)
    assert.equal(report.supported, false)
    assert.equal(report.code, 'ERR_DRIVER_PREREQUISITE')
    assert.match(report.reason ?? '', /CAP_SYS_ADMIN.*unshare -Urm/)
    assert.equal(report.cause, 'EPERM')
    assert.equal(reports.find(({ driver }) => driver === 'vfs')?.supported, true)
    assert.deepEqual(await names(store.root), [])
  })

  it('finds user.* xattrs in a user namespace', async () => {
    const { output } = await runScript(userNamespace, probing, store.root)
    const report = overlayOf(JSON.parse(output) as ProbeReport[])
    assert.equal(report.supported, true, report.reason)
    assert.equal(report.features['Overlay Xattrs'], 'user.overlay.*')
    assert.equal(report.features['Live Layers Asked Of'], 'the mount tables')
  })
})

describeMounts('a store of overlay and its xattrs', () => {
  const store = useStore('overlay', false)

  it('that root made with trusted.* is refused in a user namespace', async () => {
    const graph = await store.open()
    await graph.create('base')
    assert.equal(
      (JSON.parse(await readFile(store.at('graphdriver.json'), 'utf8')) as { xattrs: string }).xattrs,
      'trusted',
    )
    const { output } = await runScript(userNamespace, opening, store.root)
    assert.match(output, /^ERR_DRIVER_PREREQUISITE .*trusted\.\*.*user\.\*/)
    assert.deepEqual(await names(store.at('layers')), ['base'])
  })

  it('that a user namespace made with user.* goes on with them when root opens it', async () => {
    assert.equal((await runScript(userNamespace, making, store.root)).output, 'made')
    const graph = await store.open()
    await within(graph, 'top', async (path) => {
      assert.ok((await mountedOptions(path)).includes('userxattr'))
      await writeFile(`${path}/file`, '')
    })
    assert.equal((await runScript(userNamespace, opening, store.root)).output, 'opened')
  })

  it('with user.* refuses the options that need trusted.*, by name', async () => {
    assert.equal((await runScript(userNamespace, making, store.root)).output, 'made')
    const overlay = { metacopy: true, redirectDir: 'on' } as const
    await rejects(store.open({ overlay }), 'ERR_DRIVER_PREREQUISITE', /overlay\.metacopy/)
    await rejects(
      store.open({ overlay: { redirectDir: 'follow' } }),
      'ERR_DRIVER_PREREQUISITE',
      /overlay\.redirectDir/,
    )
  })
})
