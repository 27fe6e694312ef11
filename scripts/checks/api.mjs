// The public interface as text in etc/<entry>.api.md, so that a change of it shows in a change's diff.
// `api.mjs --update` writes the reports.
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run.mjs'

const update = process.argv.includes('--update')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.entries(manifest.exports).flatMap(([entry, { types }]) =>
  types ? [[entry, types]] : [],
)

function configuration(name, target) {
  const report = {
    enabled: true,
    reportFileName: name,
    reportFolder: join(root, 'etc'),
    reportTempFolder: join(root, 'etc/tmp'),
  }
  const silent = { default: { logLevel: 'none' } }
  return ExtractorConfig.prepare({
    configObjectFullPath: join(root, 'api-extractor.json'),
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, target),
      compiler: { tsconfigFilePath: join(root, 'tsconfig.json') },
      apiReport: report,
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
  })
}

/** Answers what is wrong, or undefined. */
function check([entry, target]) {
  const name = entry === '.' ? 'index' : entry.slice(2)
  if (!existsSync(join(root, target))) return `${entry}: ${target} is not built`
  const result = Extractor.invoke(configuration(name, target), {
    localBuild: update,
    messageCallback: (message) => {
      // Its own compiler may be older than ours; that is no matter as long as it reads the declarations.
      if (message.messageId.startsWith('console-')) message.handled = true
    },
  })
  if (result.errorCount > 0) return `${entry}: api-extractor found errors`
  if (result.apiReportChanged && !update)
    return `${entry}: the interface is not what etc/${name}.api.md says: npm run api`
  return undefined
}

mkdirSync(join(root, 'etc'), { recursive: true })
const problems = entries.map(check).filter((problem) => problem !== undefined)
for (const problem of problems) console.error(problem)
console.log(`api: ${entries.length} entries, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
