using 'main.bicep'

// azd sets the first two and AZURE_PRINCIPAL_ID itself; the others with "azd env set NAME value", or export them for az.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param dataverseUrl = readEnvironmentVariable('DATAVERSE_URL')
param modeCeiling = readEnvironmentVariable('CONSENT_SYNC_MODE', 'observe')
param sweepSchedule = readEnvironmentVariable('SWEEP_SCHEDULE', '0 */5 * * * *')
param driftSchedule = readEnvironmentVariable('DRIFT_SCHEDULE', '0 20 * * * *')
param auditSchedule = readEnvironmentVariable('AUDIT_SCHEDULE', '0 40 * * * *')
param administratorId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param budgetAmount = int(readEnvironmentVariable('BUDGET_AMOUNT', '0'))
param budgetStart = readEnvironmentVariable('BUDGET_START', '')
param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
param authClientId = readEnvironmentVariable('AUTH_CLIENT_ID', '')
