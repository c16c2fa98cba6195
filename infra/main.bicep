// Everything that consent-sync needs in Azure, in one resource group of its own.
targetScope = 'subscription'

@description('Names the resource group and, through a hash, every resource.')
@minLength(1)
@maxLength(20)
param environmentName string

@metadata({ azd: { type: 'location' } })
param location string

@description('Address of the Dataverse environment, such as https://contoso.crm.dynamics.com')
@minLength(12)
param dataverseUrl string

@description('The highest mode that this deployment allows, whatever the mapping says.')
@allowed(['observe', 'restrict', 'two-way'])
param modeCeiling string = 'observe'

@description('When the safety sweep runs: NCRONTAB with six fields, in UTC.')
param sweepSchedule string = '0 */5 * * * *'

@description('When contradictions are looked for: NCRONTAB with six fields, in UTC.')
param driftSchedule string = '0 20 * * * *'

@description('When the next 16th of everything is looked at: NCRONTAB with six fields, in UTC.')
param auditSchedule string = '0 40 * * * *'

@description('Object id of the group or person who puts the secrets in and looks after poison messages. Empty: nobody.')
param administratorId string = ''

@description('Where alerts and budget warnings go. Empty: no alerts, no budget.')
param alertEmail string = ''

@description('Monthly budget in the currency of the subscription. 0: no budget.')
@minValue(0)
param budgetAmount int = 0

@description('First day of the month in which the budget was first deployed (2026-12-01). Azure never lets it change.')
param budgetStart string = ''

@description('Puts storage and vault behind private endpoints, and the app into a virtual network.')
param privateNetwork bool = false

@description('With a private network: the addresses from which administrators still reach the vault.')
param administratorAddresses array = []

@description('Client id of an app registration. Given, every call but the webhook and the health check needs its token.')
param authClientId string = ''

@description('The ledger is the proof of every decision: keep it in several zones where the region has them.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_ZRS'

@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Per function. Many regions refuse less than 40.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that wait for wakes, so that an opt-out never waits for a cold start. They cost money all day.')
@minValue(0)
@maxValue(10)
param alwaysReadyInstances int = 0

var token = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName }
var deploymentContainer = 'app-package'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    redundancy: storageRedundancy
    deploymentContainer: deploymentContainer
    isPrivate: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    isPrivate: privateNetwork
    allowedAddresses: administratorAddresses
    workspaceId: monitoring.outputs.workspaceId
  }
}

module access 'modules/access.bicep' = {
  name: 'access'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    administratorId: administratorId
    storageAccountName: storage.outputs.name
    vaultName: vault.outputs.name
    appInsightsName: monitoring.outputs.appInsightsName
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    storageAccountId: storage.outputs.id
    vaultId: vault.outputs.id
  }
}

module app 'modules/functionapp.bicep' = {
  name: 'functionapp'
  scope: group
  dependsOn: [access]
  params: {
    name: 'func-${token}'
    planName: 'plan-${token}'
    location: location
    tags: union(tags, { 'azd-service-name': 'consent-sync' })
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    deploymentContainer: deploymentContainer
    appInsightsName: monitoring.outputs.appInsightsName
    vaultUri: vault.outputs.uri
    dataverseUrl: dataverseUrl
    modeCeiling: modeCeiling
    sweepSchedule: sweepSchedule
    driftSchedule: driftSchedule
    auditSchedule: auditSchedule
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    authClientId: authClientId
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    email: alertEmail
    workspaceId: monitoring.outputs.workspaceId
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0 && !empty(budgetStart) && !empty(alertEmail)) {
  name: 'budget'
  scope: group
  params: {
    amount: budgetAmount
    startDate: budgetStart
    email: alertEmail
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = app.outputs.name
output WEBHOOK_URL string = 'https://${app.outputs.hostName}/api/dataverse-events'
output KEY_VAULT_NAME string = vault.outputs.name
output STORAGE_ACCOUNT_NAME string = storage.outputs.name
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
