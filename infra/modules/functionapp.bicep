// The function app on Flex Consumption. Its settings are the names that consent_sync/settings.py reads.
param name string
param planName string
param location string
param tags object
param identityId string
param identityClientId string
param storageAccountName string
param deploymentContainer string
param appInsightsName string
param vaultUri string
param dataverseUrl string
param modeCeiling string
param sweepSchedule string
param driftSchedule string
param auditSchedule string
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyInstances int
param subnetId string
param authClientId string

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource appInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: appInsightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [
          {
            name: 'function:reconcile'
            instanceCount: alwaysReadyInstances
          }
        ]
        triggers: { http: { perInstanceConcurrency: 16 } }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      appSettings: [
        { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
        { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
        { name: 'AzureWebJobsStorage__blobServiceUri', value: account.properties.primaryEndpoints.blob }
        { name: 'AzureWebJobsStorage__queueServiceUri', value: account.properties.primaryEndpoints.queue }
        { name: 'AzureWebJobsStorage__tableServiceUri', value: account.properties.primaryEndpoints.table }
        { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: appInsights.properties.ConnectionString }
        { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'ClientId=${identityClientId};Authorization=AAD' }
        { name: 'PYTHON_THREADPOOL_THREAD_COUNT', value: '16' }
        { name: 'DATAVERSE_URL', value: dataverseUrl }
        { name: 'DATAVERSE_AUTH', value: 'managed_identity' }
        { name: 'DATAVERSE_CLIENT_ID', value: identityClientId }
        { name: 'AZURE_CLIENT_ID', value: identityClientId }
        { name: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID', value: identityClientId }
        { name: 'MAPPING_FILE', value: 'mapping.yaml' }
        { name: 'LEDGER_URL', value: 'https://${storageAccountName}.table.${environment().suffixes.storage}' }
        { name: 'LEDGER_HASH_KEY', value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/ledger-hash-key)' }
        { name: 'WEBHOOK_KEYS', value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/webhook-keys)' }
        { name: 'CONSENT_SYNC_MODE', value: modeCeiling }
        { name: 'SWEEP_SCHEDULE', value: sweepSchedule }
        { name: 'DRIFT_SCHEDULE', value: driftSchedule }
        { name: 'AUDIT_SCHEDULE', value: auditSchedule }
        { name: 'MANAGEMENT_AUTH', value: empty(authClientId) ? 'key' : 'entra' }
      ]
    }
  }
}

resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

// Dataverse can not sign in, and the health check is for anybody: their code checks a key, or says one word.
resource auth 'Microsoft.Web/sites/config@2025-03-01' = if (!empty(authClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: ['/api/dataverse-events', '/api/health']
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID' // no secret: the identity vouches for the app
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: [authClientId, 'api://${authClientId}'] }
      }
    }
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
