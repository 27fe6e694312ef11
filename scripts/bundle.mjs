// What users load: the modules of lib/ in a few files. A hundred small ones take four times as long to load, and nobody outside of
// this repository asks for them one by one. The tests do, and so tsc's own output stays beside it, in dist/.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const directory = 'dist/bundle'

/** Bundles what `exports` and `bin` name. */
export async function bundle() {
  // Not at the top: build.mjs installs it.
  const { build } = await import('esbuild')
  rmSync(join(root, directory), { recursive: true, force: true })
  await build({
    absWorkingDir: root,
    entryPoints: {
      index: 'lib/index.ts',
      archive: 'lib/archive/index.ts',
      mount: 'lib/mount/index.ts',
      sys: 'lib/sys/index.ts',
      graphdriver: 'lib/cli/bin.ts',
    },
    // All in one directory: binding.ts finds the package's root two levels above its own file.
    outdir: directory,
    chunkNames: 'part-[hash]',
    bundle: true,
    // What two entries share is one file, and what is imported late is a file of its own.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    // Stack traces tell names and lines of lib/ with --enable-source-maps, and readable code without: hence no minifying, which
    // would make the import no faster.
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  })
}
