import js from '@eslint/js'
import node from 'eslint-plugin-n'
import typescript from 'typescript-eslint'

// Sizes of the house: a file is one idea, a function fits a screen.
const sizes = {
  'max-lines': ['error', { max: 400 }],
  'max-lines-per-function': ['error', { max: 50, skipComments: true, skipBlankLines: true }],
}

export default typescript.config(
  { ignores: ['build/', 'dist/', 'etc/', 'prebuilds/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  node.configs['flat/recommended-module'],
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      ...sizes,
      eqeqeq: 'error',
      'no-console': 'error',
      // TypeScript resolves imports, and the build proves them.
      'n/no-missing-import': 'off',
      'n/no-unpublished-import': 'off',
      'n/no-unsupported-features/node-builtins': ['error', { version: '>=20.19.0' }],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [typescript.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './tsconfig.test.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A method that only later needs to wait is a promise from the start.
      '@typescript-eslint/require-await': 'off',
      'no-undef': 'off',
    },
  },
  {
    // `bin` in package.json names what is compiled of it.
    files: ['lib/cli/bin.ts'],
    rules: { 'n/hashbang': 'off' },
  },
  {
    // A suite is one long callback; its cases are the functions.
    files: ['test/**'],
    rules: {
      'n/no-process-exit': 'off',
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      'n/no-extraneous-import': 'off',
      'n/no-unsupported-features/node-builtins': 'off',
    },
  },
  {
    // Whatever is skipped says why, in one form.
    files: ['test/**'],
    ignores: ['test/skip.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { property: 'skip', message: 'test/skip.ts has what skips, and tells the reason.' },
      ],
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', process: 'readonly', require: 'readonly' },
    },
  },
  {
    files: ['scripts/**', 'examples/**', 'eslint.config.js'],
    rules: {
      'no-console': 'off',
      'n/no-process-exit': 'off',
      'n/hashbang': 'off',
      'n/no-unsupported-features/node-builtins': 'off',
    },
  },
)
